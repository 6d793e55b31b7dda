// Looks again every few seconds: the page of an API that is away, and the page of states.
"use strict";
(() => {
  const note = document.getElementById("retry");
  const always = document.querySelector("[data-always]") !== null;
  if (note) note.hidden = false;
  const look = async () => {
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (always) {
        const read = new DOMParser().parseFromString(await answer.text(), "text/html");
        document.getElementById("main").replaceWith(read.getElementById("main"));
        document.title = read.title;
      } else if (answer.status !== 503) {
        location.reload();
        return;
      }
    } catch { /* the dashboard itself is away: look again */ }
    setTimeout(look, 5000);
  };
  setTimeout(look, 5000);
})();
