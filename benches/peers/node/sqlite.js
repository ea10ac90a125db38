// A durable SQLite, as all the servers of this folder have it: every commit is on disk before it is answered.
import { DatabaseSync } from "node:sqlite";

export function openDatabase(folder) {
  const database = new DatabaseSync(`${folder}/peer.sqlite`);
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
  return database;
}

/// Runs writes so that all that wait share one transaction, and so one sync, as Mintage does. With GROUP=0 each has its own.
export function writer(database) {
  let waiting = [];
  const [begin, commit] = ["BEGIN IMMEDIATE", "COMMIT"].map((text) => database.prepare(text));
  const flush = () => {
    const jobs = waiting;
    waiting = [];
    begin.run();
    const answers = jobs.map(({ write }) => write());
    commit.run();
    jobs.forEach(({ done }, at) => done(answers[at]));
  };
  if (process.env.GROUP === "0") return async (write) => write();
  return (write) =>
    new Promise((done) => {
      if (waiting.push({ write, done }) === 1) setImmediate(flush);
    });
}
