import { testWebExample } from "../../test/support/web-example.ts";

testWebExample("examples/express/app.ts", "express-example");
