// Ask the search of a built site, as its search page does, and print the pages it answers with.
//
//     node search_page.js FOLDER QUERY...
//
// prints one JSON object: by query, the pages' names with anchors and their titles, the best first.

const fs = require("fs");
const path = require("path");
const vm = require("vm");

const [folder, ...queries] = process.argv.slice(2);
const element = { dataset: {}, addEventListener() {}, firstChild: null };
const page = {
  console, URL, URLSearchParams, setTimeout,
  localStorage: { setItem() {}, getItem() { return null; }, removeItem() {} },
  location: new URL("file:///search.html"),
  document: {
    readyState: "loading",
    documentElement: element,
    addEventListener() {},
    getElementById() { return element; },
    createElement() { return { ...element }; },
    querySelector() { return null; },
    querySelectorAll() { return []; },
  },
};
page.window = page;
vm.createContext(page);
// In the built site, searchtools.js begins with our scorer.
const scripts = ["doctools", "sphinx_highlight", "language_data", "searchtools"];
for (const name of [...scripts.map((each) => `_static/${each}.js`), "searchindex.js"]) {
  vm.runInContext(fs.readFileSync(path.join(folder, name), "utf-8"), page, name);
}
page.queries = queries;
const found = vm.runInContext(
  `Object.fromEntries(queries.map((query) => [
    query,
    // The page shows the last one first.
    Search._performSearch(...Search._parseQuery(query)).reverse().map((result) => [result[0] + result[2], result[1]]),
  ]))`,
  page,
);
console.log(JSON.stringify(found));
