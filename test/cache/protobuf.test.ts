import assert from "node:assert/strict";
import { test } from "node:test";
import { create, createFileRegistry, type DescMessage } from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import protobufjs from "protobufjs";
import { protobuf, type Codec } from "../../src/cache/index.ts";
import { OptionsError } from "../../src/index.ts";

interface User {
  id?: unknown;
  name?: string;
  score?: number;
  half?: number;
  tags?: string[];
  address?: { city?: string; geo?: { lat?: number } };
  photo?: Uint8Array;
}

const root = protobufjs.parse(`
  syntax = "proto3";
  message Geo { double lat = 1; }
  message Address { string city = 1; Geo geo = 2; }
  message User {
    int64 id = 1; string name = 2; double score = 3; float half = 4; repeated string tags = 5; Address address = 6; bytes photo = 7;
  }`).root;

function schema(): DescMessage {
  const field = (name: string, number: number, type: Type, more: object = {}): object => ({
    name,
    number,
    type,
    label: Label.OPTIONAL,
    jsonName: name,
    ...more,
  });
  const file = create(FileDescriptorProtoSchema, {
    name: "user.proto",
    syntax: "proto3",
    messageType: [
      { name: "Geo", field: [field("lat", 1, Type.DOUBLE)] },
      { name: "Address", field: [field("city", 1, Type.STRING), field("geo", 2, Type.MESSAGE, { typeName: ".Geo" })] },
      {
        name: "User",
        field: [
          field("id", 1, Type.INT64),
          field("name", 2, Type.STRING),
          field("score", 3, Type.DOUBLE),
          field("half", 4, Type.FLOAT),
          field("tags", 5, Type.STRING, { label: Label.REPEATED }),
          field("address", 6, Type.MESSAGE, { typeName: ".Address" }),
          field("photo", 7, Type.BYTES),
        ],
      },
    ],
  });
  return createFileRegistry(file, () => undefined).getMessage("User") as DescMessage;
}

const CODECS: readonly [string, Codec<User>, (id: number) => unknown][] = [
  ["protobufjs", protobuf<User>(root.lookupType("User")), (id) => id],
  ["@bufbuild/protobuf", protobuf<User>(schema()), (id) => BigInt(id)],
];

for (const [name, codec, int64] of CODECS) {
  test(`${name}: what the schema has comes back`, () => {
    const user: User = {
      id: int64(2 ** 40),
      name: "Ada",
      score: -0.1,
      half: 0.1,
      tags: ["a", ""],
      address: { city: "Ulm", geo: { lat: 48.4 } },
      photo: Buffer.from([0, 255]),
    };
    const read = codec.decode(Buffer.from(codec.encode(user)));
    assert.equal(String(read.id), String(2 ** 40));
    assert.equal(read.name, "Ada");
    assert.equal(read.score, -0.1);
    assert.equal(read.half, Math.fround(0.1));
    assert.deepEqual(read.tags, ["a", ""]);
    assert.equal(read.address?.geo?.lat, 48.4);
    assert.deepEqual(Buffer.from(read.photo ?? []), Buffer.from([0, 255]));
  });

  test(`${name}: defaults and empty values are no loss`, () => {
    for (const user of [
      {},
      { id: int64(0) },
      { name: "", tags: [], score: 0, photo: new Uint8Array(0) },
      { address: {} },
      { name: undefined },
    ])
      assert.ok(codec.decode(Buffer.from(codec.encode(user as User))));
  });

  test(`${name}: a field that would be dropped or changed is refused with its path`, () => {
    const cases: readonly [object, string][] = [
      [{ nick: "x" }, "$.nick"],
      [{ address: { city: "Ulm", zip: "89073" } }, "$.address.zip"],
      [{ address: { geo: { lat: 1, lon: 2 } } }, "$.address.geo.lon"],
    ];
    for (const [user, path] of cases)
      assert.throws(() => codec.encode(user), {
        name: "CacheValueError",
        path,
        message: /the schema does not know it/,
      });
    assert.throws(() => codec.encode({ name: 5 } as unknown as User), { name: "CacheValueError" });
    assert.throws(() => codec.encode({ tags: "abc" } as unknown as User), { name: "CacheValueError" });
  });

  test(`${name}: bytes that are no message are refused`, () => {
    assert.throws(() => codec.decode(Buffer.from([0x0a, 0xff, 0xff])));
  });
}

test("without verification an unknown field goes unseen, as it does in the libraries", () => {
  const codec = protobuf<User>(root.lookupType("User"), { verify: false });
  assert.ok(codec.encode({ name: "Ada", nick: "x" } as User).length > 0);
});

test("what is no message type is refused", () => {
  for (const type of [null, undefined, {}, "User", { kind: "enum", typeName: "E" }])
    assert.throws(() => protobuf(type as never), OptionsError);
});
