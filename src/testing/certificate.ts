import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";

/** A certificate and its private key, both PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** Certificates of one test server, by an authority of its own that nobody else trusts. */
export interface CertificateSet {
  /** The authority's certificate, PEM. */
  readonly ca: string;
  readonly server: Certificate;
  readonly client: Certificate;
}

interface Subject {
  readonly name: string;
  readonly publicKey: KeyObject;
  readonly extensions: readonly Buffer[];
}

interface Issuer {
  readonly name: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

const DAY = 86_400_000;

/**
 * Makes an authority, a certificate for a server at `names` (host names and IP addresses) and one for a client.
 * They are valid from yesterday for a year, and on P-256, whose keys take a millisecond to make.
 */
export function issueCertificates(names: readonly string[]): CertificateSet {
  const authority = { name: "respool test authority", ...keyPair() };
  const authorityRights = [BASIC_CONSTRAINTS_CA, KEY_USAGE_SIGN_CERTIFICATES];
  const ca = issue(authority, { ...authority, extensions: authorityRights });
  const leaf = (name: string, purpose: Buffer, alternatives: readonly Buffer[]): Certificate => {
    const keys = keyPair();
    const extensions = [BASIC_CONSTRAINTS_LEAF, KEY_USAGE_SIGN, purpose, ...alternatives];
    const cert = issue(authority, { name, publicKey: keys.publicKey, extensions });
    return { cert, key: keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
  };
  return {
    ca,
    server: leaf("respool test server", EXTENDED_USAGE_SERVER, [alternativeNames(names)]),
    client: leaf("respool test client", EXTENDED_USAGE_CLIENT, []),
  };
}

function keyPair(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

// RFC 5280, section 4.1: Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue }
function issue(issuer: Issuer, subject: Subject): string {
  const algorithm = sequence(oid("1.2.840.10045.4.3.2")); // ecdsa-with-SHA256
  const now = Date.now();
  const body = sequence(
    tlv(0xa0, integer(Buffer.from([2]))), // version 3
    integer(serialNumber()),
    algorithm,
    distinguishedName(issuer.name),
    sequence(time(new Date(now - DAY)), time(new Date(now + 365 * DAY))),
    distinguishedName(subject.name),
    publicKeyInfo(subject.publicKey),
    tlv(0xa3, sequence(...subject.extensions, subjectKey(subject.publicKey), authorityKey(issuer.publicKey))),
  );
  const signature = sign("sha256", body, issuer.privateKey);
  return pem(sequence(body, algorithm, bitString(signature, 0)));
}

// DER, the few types that a certificate is made of.

function tlv(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), length(content.length), content]);
}

function length(size: number): Buffer {
  if (size < 0x80) return Buffer.from([size]);
  return size < 0x100 ? Buffer.from([0x81, size]) : Buffer.from([0x82, size >> 8, size & 0xff]);
}

function sequence(...contents: readonly Buffer[]): Buffer {
  return tlv(0x30, ...contents);
}

function integer(bytes: Buffer): Buffer {
  return tlv(0x02, bytes);
}

function octets(bytes: Buffer): Buffer {
  return tlv(0x04, bytes);
}

function bitString(bytes: Buffer, unusedBits: number): Buffer {
  return tlv(0x03, Buffer.from([unusedBits]), bytes);
}

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const digits = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      digits.unshift((left & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return tlv(0x06, Buffer.from(bytes));
}

function time(date: Date): Buffer {
  const text = `${date.toISOString().replace(/[-:T]/g, "").slice(0, 14)}Z`;
  // RFC 5280, section 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050 on.
  return date.getUTCFullYear() < 2050 ? tlv(0x17, Buffer.from(text.slice(2))) : tlv(0x18, Buffer.from(text));
}

function distinguishedName(commonName: string): Buffer {
  return sequence(tlv(0x31, sequence(oid("2.5.4.3"), tlv(0x0c, Buffer.from(commonName)))));
}

function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40; // positive, and no leading zero
  return bytes;
}

function publicKeyInfo(key: KeyObject): Buffer {
  return key.export({ type: "spki", format: "der" });
}

// Extensions, RFC 5280, section 4.2.

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(critical ? [tlv(0x01, Buffer.from([0xff]))] : []), octets(value));
}

const BASIC_CONSTRAINTS_CA: Buffer = extension("2.5.29.19", true, sequence(tlv(0x01, Buffer.from([0xff]))));
const BASIC_CONSTRAINTS_LEAF: Buffer = extension("2.5.29.19", true, sequence());
const KEY_USAGE_SIGN: Buffer = extension("2.5.29.15", true, bitString(Buffer.from([0x80]), 7));
const KEY_USAGE_SIGN_CERTIFICATES: Buffer = extension("2.5.29.15", true, bitString(Buffer.from([0x06]), 1));
const EXTENDED_USAGE_SERVER: Buffer = extension("2.5.29.37", false, sequence(oid("1.3.6.1.5.5.7.3.1")));
const EXTENDED_USAGE_CLIENT: Buffer = extension("2.5.29.37", false, sequence(oid("1.3.6.1.5.5.7.3.2")));

function keyIdentifier(key: KeyObject): Buffer {
  return createHash("sha1").update(publicKeyInfo(key)).digest();
}

function subjectKey(key: KeyObject): Buffer {
  return extension("2.5.29.14", false, octets(keyIdentifier(key)));
}

function authorityKey(key: KeyObject): Buffer {
  return extension("2.5.29.35", false, sequence(tlv(0x80, keyIdentifier(key))));
}

function alternativeNames(names: readonly string[]): Buffer {
  const entries = names.map((name) =>
    isIP(name) === 0 ? tlv(0x82, Buffer.from(name, "latin1")) : tlv(0x87, addressBytes(name)),
  );
  return extension("2.5.29.17", false, sequence(...entries));
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split(".").map(Number));
  // The URL parser brings every notation to groups in hexadecimal with at most one "::".
  const [head = "", tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = new Array<string>(8 - before.length - after.length).fill("0");
  return Buffer.from([...before, ...zeros, ...after].map((group) => group.padStart(4, "0")).join(""), "hex");
}

function pem(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
