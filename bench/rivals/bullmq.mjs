// Keeps what came as a job in BullMQ, and works it off as far as reading it.
import { Queue, Worker } from "bullmq";
import { listen } from "./receiver.mjs";

const connection = { host: "127.0.0.1", port: Number(process.env.REDIS_PORT) };
const queue = new Queue("webhooks", { connection });
const worker = new Worker("webhooks", async (job) => job.data.entry.length, {
  connection: { ...connection, maxRetriesPerRequest: null },
  concurrency: 50,
});
worker.on("error", (error) => console.error(error));
listen((webhook) => queue.add("webhook", webhook, { removeOnComplete: true }));
