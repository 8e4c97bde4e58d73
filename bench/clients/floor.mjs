/**
 * The floor: a plain loop on a bare socket for small values, one write per turn. One promise per command, replies in order, and
 * nothing else: no errors, no timeouts, no reconnect, ASCII only. It is no lower bound: who writes earlier can be cheaper, and
 * large values, which it joins piece by piece, are not its business.
 * It is kept at 80 lines at most; what respool costs beyond it is the price of its features.
 */
import { connect as connectSocket } from "node:net";

class Floor {
  #socket;
  #unsent = "";
  #unread = "";
  #inFlight = [];
  #head = 0;
  #flush = () => {
    this.#socket.write(this.#unsent, "latin1");
    this.#unsent = "";
  };

  constructor(socket) {
    this.#socket = socket;
    socket.setEncoding("latin1").setNoDelay(true);
    socket.on("data", (text) => this.#read(this.#unread === "" ? text : this.#unread + text));
  }

  get(key) {
    return this.#send(`*2\r\n$3\r\nGET\r\n$${key.length}\r\n${key}\r\n`);
  }

  set(key, value) {
    return this.#send(`*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${value.length}\r\n${value}\r\n`);
  }

  close() {
    this.#socket.destroy();
  }

  #send(command) {
    if (this.#unsent === "") setImmediate(this.#flush);
    this.#unsent += command;
    return new Promise((resolve) => this.#inFlight.push(resolve));
  }

  #settle(value) {
    this.#inFlight[this.#head++](value);
    if (this.#head < 4096) return;
    this.#inFlight.splice(0, this.#head);
    this.#head = 0;
  }

  #read(text) {
    let at = 0;
    for (;;) {
      const lineEnd = text.indexOf("\r\n", at);
      if (lineEnd === -1) break;
      const type = text[at];
      let value = text.slice(at + 1, lineEnd);
      let next = lineEnd + 2;
      if (type === "$") {
        const length = Number(value);
        if (length >= 0 && next + length + 2 > text.length) break;
        value = length < 0 ? null : text.slice(next, next + length);
        next += length < 0 ? 0 : length + 2;
      } else if (type === ":") value = Number(value);
      this.#settle(value);
      at = next;
    }
    this.#unread = text.slice(at);
  }
}

/** Connects to `{ host, port }`. */
export function connect(server) {
  return new Promise((resolve, reject) => {
    const socket = connectSocket({ host: server.host, port: server.port });
    socket.once("error", reject).once("connect", () => resolve(new Floor(socket)));
  });
}
