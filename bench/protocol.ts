/**
 * Nanoseconds per encoded command and per decoded reply, the best of several rounds.
 * Run: npx tsx bench/protocol.ts
 */
import { Decoder, type ReplySink } from "../src/protocol/decoder.ts";
import { encodeCommand, encodeOpening } from "../src/protocol/encoder.ts";
import type { Reply } from "../src/protocol/reply.ts";

const ROUNDS = 25;

/** Runs `round`, which does `operations` operations, often enough to be warm, and prints the best time. */
function measure(title: string, operations: number, round: () => void): void {
  let best = Infinity;
  for (let index = 0; index < ROUNDS; index++) {
    const start = process.hrtime.bigint();
    round();
    best = Math.min(best, Number(process.hrtime.bigint() - start));
  }
  console.log(`${title.padEnd(52)} ${(best / operations).toFixed(1).padStart(8)} ns`);
}

class Counter implements ReplySink {
  replies = 0;
  buffers = false;
  last: Reply = null;

  wantsBuffers(): boolean {
    return this.buffers;
  }
  onReply(reply: Reply): void {
    this.replies++;
    this.last = reply;
  }
  onPush(items: Reply[]): void {
    this.last = items;
  }
}

const GET = encodeOpening(["GET"], 1);
const SET = encodeOpening(["SET"], 2);
const value64 = "v".repeat(64);
const BATCH = 500;

function benchEncoder(title: string, opening: string, argsOf: (index: number) => (string | Buffer | number)[]): void {
  const socket = Buffer.alloc(BATCH * 8192);
  const commands = Array.from({ length: BATCH }, (_, index) => argsOf(index));
  // As a connection does it: the commands of a tick are one string, which goes out in one latin1 write.
  measure(title, BATCH * 100, () => {
    for (let tick = 0; tick < 100; tick++) {
      let batch = "";
      for (const args of commands) {
        const payload = encodeCommand("X", opening, args);
        if (typeof payload === "string") {
          batch += payload;
        } else {
          socket.write(batch, "latin1");
          batch = "";
          for (const piece of payload) {
            if (typeof piece === "string") socket.write(piece, "latin1");
            else piece.copy(socket);
          }
        }
      }
      socket.write(batch, "latin1");
    }
  });
}

function benchDecoder(title: string, wire: string, operations: number, buffers = false): void {
  const sink = new Counter();
  sink.buffers = buffers;
  const decoder = new Decoder(sink);
  const chunk = Buffer.from(wire);
  measure(title, operations * 100, () => {
    for (let tick = 0; tick < 100; tick++) decoder.write(chunk, chunk.length);
  });
}

const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;

const map10 = `%10\r\n${Array.from({ length: 10 }, (_, index) => bulk(`field:${index}`) + bulk(`${index}`)).join("")}`;

benchEncoder("encode GET user:<n>", GET, (index) => [`user:${index}`]);
benchEncoder("encode SET 64 B", SET, (index) => [`user:${index}`, value64]);
benchEncoder("encode SET 64 B, not ASCII", SET, (index) => [`user:${index}`, `é${value64}`]);
benchEncoder("encode SET 64 B Buffer", SET, (index) => [`user:${index}`, Buffer.from(value64)]);
benchEncoder("encode SET 1 KB", SET, (index) => [`user:${index}`, "v".repeat(1024)]);
benchEncoder("encode SET 4 KB (a piece of its own)", SET, (index) => [`user:${index}`, "v".repeat(4096)]);
benchEncoder("encode SET 4 KB Buffer (by reference)", SET, (index) => [`user:${index}`, Buffer.alloc(4096, "v")]);
benchEncoder("encode SET number", SET, (index) => [`user:${index}`, index]);

benchDecoder("decode 500 × +OK, per reply", "+OK\r\n".repeat(500), 500);
benchDecoder("decode 500 × :n, per reply", ":1234\r\n".repeat(500), 500);
benchDecoder("decode 500 × bulk 8 B, per reply", bulk("12345678").repeat(500), 500);
benchDecoder("decode 500 × bulk 64 B, per reply", bulk(value64).repeat(500), 500);
benchDecoder("decode 500 × bulk 64 B, not ASCII, per reply", bulk(`é${value64}`).repeat(500), 500);
benchDecoder("decode 500 × bulk 64 B as Buffer, per reply", bulk(value64).repeat(500), 500, true);
benchDecoder("decode 1 × bulk 64 B in a chunk", bulk(value64), 1);
benchDecoder("decode 50 × bulk 1 KB, per reply", bulk(value64.repeat(16)).repeat(50), 50);
benchDecoder("decode 500 × $-1, per reply", "$-1\r\n".repeat(500), 500);
benchDecoder("decode 500 × _, per reply", "_\r\n".repeat(500), 500);
benchDecoder("decode array of 1000 × bulk 8 B, per element", `*1000\r\n${bulk("12345678").repeat(1000)}`, 1000);
benchDecoder("decode array of 1000 × :n, per element", `*1000\r\n${":1234\r\n".repeat(1000)}`, 1000);
benchDecoder("decode map of 10 short fields, per map", map10.repeat(50), 50);
benchDecoder("decode array of 1000 doubles, per element", `*1000\r\n${",1.5\r\n".repeat(1000)}`, 1000);
