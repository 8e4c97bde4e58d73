import { testWebExample } from "../../test/support/web-example.ts";

testWebExample("examples/fastify/app.ts", "fastify-example");
