/**
 * What the caches store: objects as an application has them, of about 300 B, 8 KB and 200 KB as JSON. Made of words and numbers drawn at
 * random, so that compression finds what it would find in real ones; the same in every process.
 */

const WORDS = (
  "account address alpine amber archive autumn basket bottle bridge bright button cable camera canvas carbon cedar ceramic charger classic " +
  "clear clock cotton cover crystal daily deluxe desk double edition elegant engine evening extra family field filter finish flat forest " +
  "frame fresh garden gentle glass golden grain green handle harbor heavy hidden home honey indigo iron island jacket kettle kitchen ladder " +
  "lamp large leather light linen liquid little local marble market meadow metal mirror modern morning mountain narrow natural north ocean " +
  "office olive open orange paper pocket polished portable quiet rain river round rubber sample season shadow shelf silent silver simple " +
  "small smart solid south spring square steel stone summer table travel valley velvet vintage water white window winter wooden yellow"
).split(" ");

/** Numbers in [0, 1), the same for a seed. */
function drawer(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function maker(seed) {
  const draw = drawer(seed);
  const whole = (below) => Math.floor(draw() * below);
  const word = () => WORDS[whole(WORDS.length)];
  return {
    whole,
    word,
    words: (count) => Array.from({ length: count }, word).join(" "),
    price: () => Math.round(draw() * 100_000) / 100,
    time: () => new Date(1_700_000_000_000 + whole(60_000_000) * 1000).toISOString(),
    yes: () => draw() < 0.5,
  };
}

/** About 300 B. */
export function user(id) {
  const { whole, word, words, price, time, yes } = maker(id * 7919 + 1);
  return {
    id,
    name: words(2),
    email: `${word()}.${word()}@${word()}.example`,
    active: yes(),
    plan: ["free", "team", "business"][whole(3)],
    roles: Array.from({ length: 1 + whole(3) }, word),
    createdAt: time(),
    lastSeenAt: time(),
    balance: price(),
    settings: { theme: yes() ? "dark" : "light", locale: "en-GB", newsletter: yes() },
  };
}

function product(id) {
  const { whole, word, words, price, time, yes } = maker(id * 104_729 + 3);
  return {
    id,
    sku: `${word().slice(0, 3).toUpperCase()}-${100_000 + whole(900_000)}`,
    title: words(4),
    description: words(20),
    price: price(),
    currency: "EUR",
    stock: whole(500),
    available: yes(),
    tags: Array.from({ length: 2 + whole(3) }, word),
    rating: Math.round(whole(500)) / 100,
    updatedAt: time(),
  };
}

function page(number, count) {
  return {
    page: number,
    total: 12_345,
    items: Array.from({ length: count }, (_, index) => product(number * 1000 + index)),
  };
}

/** By name: the value, and its message type in `schema`. */
export const payloads = {
  "300b": { title: "an object of 300 B", type: "User", value: user(4711) },
  "8kb": { title: "a list of 8 KB", type: "Page", value: page(1, 20) },
  "200kb": { title: "a list of 200 KB", type: "Page", value: page(2, 500) },
};

/** The same for Protocol Buffers, with messages that come out as the objects went in. */
export const schema = `
  syntax = "proto3";
  message Settings { string theme = 1; string locale = 2; bool newsletter = 3; }
  message User {
    uint32 id = 1; string name = 2; string email = 3; bool active = 4; string plan = 5; repeated string roles = 6;
    string createdAt = 7; string lastSeenAt = 8; double balance = 9; Settings settings = 10;
  }
  message Product {
    uint32 id = 1; string sku = 2; string title = 3; string description = 4; double price = 5; string currency = 6;
    uint32 stock = 7; bool available = 8; repeated string tags = 9; double rating = 10; string updatedAt = 11;
  }
  message Page { uint32 page = 1; uint32 total = 2; repeated Product items = 3; }
`;
