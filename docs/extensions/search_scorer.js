// The order of the search's results, and their titles. Sphinx's search calls Scorer.score for each.

var Scorer = {
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,

  // Pages that mention everything. They come last, unless a search word of their own is asked for.
  last: ["changelog", "coming-from-qemu-qmp"],

  score: (result) => {
    const [page, , anchor, , score, , kind] = result;
    if (kind === "index") {
      const title = Scorer.titleOf(page, anchor);
      if (title) result[1] = title;
      else result[2] = ""; // an object, which is a result of its own: then the same as the page
      return score;
    }
    if (Scorer.last.includes(page)) return score - 100;
    if (kind === "object") {
      const isExact = score >= Scorer.objNameMatch + Scorer.objPrio[1];
      if (isExact && anchor.startsWith("#qapi-")) return score + 10; // a command, before methods
      return anchor.includes(".Async") ? score - 1 : score; // the entry of the twin says more
    }
    return /^(tutorials|howto|cookbook)\/(?!index)/.test(page) ? score + 1 : score;
  },

  // "Disks > Take an external snapshot" for a search word of a section.
  titleOf: (page, anchor) => {
    const { docnames, titles, alltitles } = Search._index;
    const file = docnames.indexOf(page);
    for (const [title, places] of Object.entries(alltitles)) {
      if (places.some(([place, id]) => place === file && id && `#${id}` === anchor))
        return `${titles[file]} > ${title}`;
    }
  },
};
