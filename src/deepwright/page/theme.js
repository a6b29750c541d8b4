(function () {
  var root = document.documentElement, button = document.getElementById("theme");
  var kept = null;
  // Reading or keeping the choice may be forbidden (files, private windows): the button then works for this visit.
  try { kept = localStorage.getItem("deepwright-theme"); } catch (error) { kept = null; }
  if (kept === "light" || kept === "dark") { root.dataset.theme = kept; }
  function dark() {
    if (root.dataset.theme) { return root.dataset.theme === "dark"; }
    return matchMedia("(prefers-color-scheme: dark)").matches;
  }
  function say() { button.textContent = dark() ? "Light colours" : "Dark colours"; }
  button.hidden = false;
  button.addEventListener("click", function () {
    root.dataset.theme = dark() ? "light" : "dark";
    try { localStorage.setItem("deepwright-theme", root.dataset.theme); } catch (error) { kept = null; }
    say();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", say);
  say();
})();
