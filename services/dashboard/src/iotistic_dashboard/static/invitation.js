// Moves the invitation's code out of the address, where it would stay in the history, into the form.
"use strict";
(() => {
  const field = document.getElementById("token");
  const code = location.hash.slice(1);
  if (!field || !code) return;
  field.value = decodeURIComponent(code);
  history.replaceState(null, "", location.pathname);
  field.form.submit();
})();
