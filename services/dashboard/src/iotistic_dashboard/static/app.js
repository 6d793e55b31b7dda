// What only a browser can do: the state of live updates, copying, dialogs that ask, times that age.
"use strict";
(() => {
  const SPANS = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [5184000, 86400, "d"]];

  const span = (seconds) => {
    const found = SPANS.find(([bound]) => seconds < bound);
    if (found) return `${Math.floor(seconds / found[1])} ${found[2]}`;
    const months = Math.floor(seconds / 2592000);
    return months < 24 ? `${months} months` : `${Math.floor(months / 12)} years`;
  };

  const age = (root) => {
    for (const element of root.querySelectorAll("time[data-ago]")) {
      const at = new Date(element.dateTime);
      const seconds = (Date.now() - at.getTime()) / 1000;
      if (Number.isNaN(seconds)) continue;
      element.title = at.toLocaleString();
      if (element.dataset.ago === "until") {
        element.textContent = seconds >= 0 ? "over" : span(-seconds);
      } else if (Math.abs(seconds) < 5) {
        element.textContent = "just now";
      } else {
        element.textContent = seconds > 0 ? `${span(seconds)} ago` : `in ${span(-seconds)}`;
      }
    }
  };

  const live = document.getElementById("live");
  let opened = 0;

  const say = (word) => {
    if (!live || live.dataset.word === word) return;
    live.dataset.word = word;
    live.hidden = false;
    live.classList.toggle("waiting", word !== "live");
    live.textContent = word === "live" ? "Live" : "Reconnecting";
  };

  document.addEventListener("htmx:sseOpen", (event) => {
    const source = event.detail.source;
    say("live");
    if (!source.marked) {
      source.marked = true;
      source.addEventListener("away", () => say("waiting"));
      source.addEventListener("back", () => say("live"));
      source.addEventListener("ended", () => { source.close(); location.assign("/sign-in?note=ended"); });
    }
    opened += 1;
    if (opened > 1) {
      for (const part of document.querySelectorAll("[hx-trigger*='sse:resync']")) {
        htmx.trigger(part, "sse:resync");
      }
    }
  });
  document.addEventListener("htmx:sseError", () => say("waiting"));
  const trouble = (path) => {
    const there = document.querySelectorAll("#notices > [data-path]");
    return [...there].filter((one) => one.dataset.path === path);
  };
  document.addEventListener("htmx:responseError", (event) => {
    const notices = document.getElementById("notices");
    if (!notices) return;
    const { xhr, pathInfo } = event.detail;
    const read = new DOMParser().parseFromString(xhr.responseText, "text/html");
    const words = [...read.querySelectorAll("#main h1, #main h1 + p:not(:has(a))")];
    const text = words.map((one) => one.textContent.trim()).join(". ");
    const span = document.createElement("span");
    span.textContent = text || `This did not work (${xhr.status}).`;
    const notice = document.createElement("p");
    notice.className = "notice bad";
    notice.dataset.path = pathInfo.requestPath;
    notice.append(span);
    const before = trouble(pathInfo.requestPath);
    if (before.some((one) => one.textContent === span.textContent)) return;
    for (const one of before) one.remove();
    notices.append(notice);
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (!event.detail.successful) return;
    for (const one of trouble(event.detail.pathInfo.requestPath)) one.remove();
  });
  for (const name of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(name, () => say("waiting"));
  }

  const ask = document.getElementById("ask");
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-ask]");
    if (link && ask && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      await htmx.ajax("GET", link.href, { target: "#ask-body", select: "#question", swap: "innerHTML" });
      if (ask.querySelector("form")) { ask.showModal(); } else { location.assign(link.href); }
      return;
    }
    const back = event.target.closest("#ask a[data-close]");
    if (back) { event.preventDefault(); ask.close(); return; }
    const button = event.target.closest("button[data-copy]");
    if (button) {
      await navigator.clipboard.writeText(button.dataset.copy);
      const word = button.querySelector("span");
      const before = word.textContent;
      word.textContent = "Copied";
      setTimeout(() => { word.textContent = before; }, 2000);
    }
  });
  ask?.addEventListener("close", () => document.getElementById("ask-body").replaceChildren());

  const ready = (root) => {
    age(root);
    if (navigator.clipboard) {
      for (const button of root.querySelectorAll("button[data-copy]")) button.hidden = false;
    }
  };
  ready(document);
  document.querySelector(".tabs [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
  document.addEventListener("htmx:afterSwap", (event) => ready(event.target));
  setInterval(() => age(document), 15000);
})();
