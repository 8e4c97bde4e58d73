/** Medians of the rounds, with smallest and largest. */

/** `[{ a, b: { c } }, …]` → `{ a: { median, min, max }, b: { c: { median, min, max } } }` */
export function summarise(rounds) {
  const summary = {};
  for (const name of new Set(rounds.flatMap((round) => Object.keys(round)))) {
    const values = rounds.map((round) => round[name]).filter((value) => value !== undefined && value !== null);
    if (values.length === 0) summary[name] = null;
    else summary[name] = typeof values[0] === "object" ? summarise(values) : spread(values);
  }
  return summary;
}

function spread(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median: round(median), min: round(sorted[0]), max: round(sorted.at(-1)) };
}

/** Five digits tell all that can be told. */
function round(value) {
  return Number(value.toPrecision(5));
}
