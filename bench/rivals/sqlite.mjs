// Keeps what came in SQLite, which waits for the disk at each.
import Database from "better-sqlite3";
import { listen } from "./receiver.mjs";

const database = new Database(`rival-${process.env.PORT}.db`);
database.pragma("journal_mode = WAL");
database.pragma("synchronous = FULL");
database.exec("CREATE TABLE webhooks (id INTEGER PRIMARY KEY, body TEXT NOT NULL)");
const insert = database.prepare("INSERT INTO webhooks (body) VALUES (?)");
listen((webhook) => insert.run(JSON.stringify(webhook)));
