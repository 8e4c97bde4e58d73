/** Nobody mistypes a name of that length; it may be data, and the search takes as many steps as it is long, for each name. */
const LONGEST = 80;

/**
 * The known name that a mistyped one was most likely meant to be, or null when none is close: at most a third of the
 * letters may differ, case does not count, and the beginning of a name is as good as the name.
 */
export function nearestName(typed: string, known: Iterable<string>): string | null {
  if (typed.length > LONGEST) return null;
  const wanted = typed.toLowerCase();
  let nearest: string | null = null;
  let limit = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const name of known) {
    const distance = editDistance(wanted, name.toLowerCase());
    if (distance >= limit) continue;
    limit = distance;
    nearest = name;
  }
  if (nearest !== null || wanted.length < 3) return nearest;
  for (const name of known) if (name.toLowerCase().startsWith(wanted)) return name;
  return null;
}

/** Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1] ? 0 : 1;
      let best = Math.min(above[column]! + 1, current[column - 1]! + 1, above[column - 1]! + same);
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) best = Math.min(best, before[column - 2]! + 1);
      current.push(best);
    }
    before = above;
    above = current;
  }
  return above[b.length]!;
}
