// Looks again every few seconds and puts what has changed in place, until nothing is to be waited for.
"use strict";
const PAUSE = 3000;
const PARTS = ["said", "steps", "rest"];

async function look() {
  if (document.hidden) return true;
  const answer = await fetch("/status", { redirect: "manual", cache: "no-store" });
  if (answer.type === "opaqueredirect") return false;
  if (!answer.ok) return true;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("progress");
  if (!fresh) return false;
  for (const id of PARTS) {
    const shown = document.getElementById(id);
    const other = page.getElementById(id);
    // What a screen reader has read, or somebody has in focus, stays unless it has changed.
    if (shown.innerHTML !== other.innerHTML) shown.replaceChildren(...document.adoptNode(other).childNodes);
  }
  document.title = page.title;
  return fresh.dataset.final === "no";
}

async function follow() {
  let goesOn = true;
  while (goesOn) {
    await new Promise((done) => setTimeout(done, PAUSE));
    goesOn = await look().catch(() => true); // the network is away: try again
  }
}

follow();
