// A webhook receiver as many write it: Express, the signature checked over the raw bytes, then kept.
import { createHmac, timingSafeEqual } from "node:crypto";
import express from "express";

export function listen(keep) {
  const app = express();
  app.get("/readyz", (_, answer) => answer.sendStatus(200));
  app.post("/webhooks/:platform", express.raw({ type: "*/*" }), async (request, answer) => {
    const wanted = createHmac("sha256", process.env.SECRET).update(request.body).digest();
    const given = (request.get("x-hub-signature-256") ?? "").replace(/^sha256=/, "");
    const signature = Buffer.from(given, "hex");
    if (signature.length !== wanted.length || !timingSafeEqual(signature, wanted)) {
      return answer.sendStatus(401);
    }
    await keep(JSON.parse(request.body));
    answer.sendStatus(200);
  });
  app.listen(Number(process.env.PORT), "127.0.0.1");
}
