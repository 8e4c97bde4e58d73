import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeCut, everyByte, expectedStream, message, type Message, writeMessage } from "./wire-tree.ts";

function check(messages: readonly Message[], bytes: Buffer, cuts: readonly number[]): void {
  const want = expectedStream(messages);
  const got = decodeCut(bytes, cuts, want.modes);
  assert.deepStrictEqual(got.replies, want.replies);
  assert.deepStrictEqual(got.pushes, want.pushes);
  assert.equal(got.asked, want.modes.length, "wantsBuffers is asked once per reply");
  assert.equal(got.pending, false);
}

test("random streams of every type decode the same in one chunk, byte by byte and cut anywhere", () => {
  const streams = fc.array(message, { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(streams, fc.array(fc.nat(), { maxLength: 12 }), (messages, places) => {
      const bytes = Buffer.concat(messages.map(writeMessage));
      check(messages, bytes, []);
      check(messages, bytes, everyByte(bytes.length));
      check(
        messages,
        bytes,
        places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b),
      );
    }),
    { numRuns: 3000 },
  );
});

test("short streams decode the same with every one and every two cuts", () => {
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 2 }), (messages) => {
      const bytes = Buffer.concat(messages.map(writeMessage));
      fc.pre(bytes.length <= 48);
      for (let first = 0; first <= bytes.length; first++) {
        check(messages, bytes, [first]);
        for (let second = first; second <= bytes.length; second++) check(messages, bytes, [first, second]);
      }
    }),
    { numRuns: 200 },
  );
});

test("long streams decode the same when they are cut in any places", () => {
  const streams = fc.array(message, { minLength: 40, maxLength: 120 });
  fc.assert(
    fc.property(streams, fc.array(fc.nat(), { maxLength: 40 }), (messages, places) => {
      const bytes = Buffer.concat(messages.map(writeMessage));
      check(
        messages,
        bytes,
        places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b),
      );
      check(messages, bytes, []);
    }),
    { numRuns: 200 },
  );
});

test("every prefix of a stream is pending or ends between two messages", () => {
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 3 }), (messages) => {
      const parts = messages.map(writeMessage);
      const bytes = Buffer.concat(parts);
      fc.pre(bytes.length <= 300);
      const ends = new Set([0]);
      let end = 0;
      for (const part of parts) ends.add((end += part.length));
      const { modes } = expectedStream(messages);
      for (let length = 0; length <= bytes.length; length++) {
        const { pending } = decodeCut(bytes.subarray(0, length), [], modes);
        if (ends.has(length)) assert.equal(pending, false);
        // A push in front of a reply is finished on its own, so a boundary may also lie inside a message.
        else if (!pending) assert.ok(bytes.includes(">"));
      }
    }),
    { numRuns: 200 },
  );
});
