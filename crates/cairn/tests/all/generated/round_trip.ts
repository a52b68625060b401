// A round trip by the TypeScript client that was generated from the description: node round_trip.js URL FOLDER.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

import createClient from "openapi-fetch";

import type { components, paths } from "./schema.js";

type JobView = components["schemas"]["JobView"];
type AppJob = components["schemas"]["AppJob"];

const [url, folder] = process.argv.slice(2);
assert(url && folder);

/** What was answered, when it was what was asked for. */
function data<T, E>(answer: { data?: T; error?: E; response: Response }): T {
  assert(answer.data !== undefined, `${answer.response.status} ${JSON.stringify(answer.error)}`);
  return answer.data;
}

/** What is wrong, when something is. */
function wrong<T, E>(answer: { data?: T; error?: E; response: Response }, status: number): E {
  assert.equal(answer.response.status, status, JSON.stringify(answer.data));
  assert(answer.error !== undefined);
  return answer.error;
}

// Log in, and make a token by the session.
const stranger = createClient<paths>({ baseUrl: url });
const password = "correct horse battery staple";
const refused = await stranger.POST("/api/session", { body: { name: "ann", password: "not this one" } });
assert.equal(wrong(refused, 401).kind, "unauthenticated");
const begun = await stranger.POST("/api/session", { body: { name: "ann", password } });
assert.equal(data(begun).name, "ann");
const cookie = begun.response.headers.get("set-cookie")?.split(";")[0];
assert(cookie);
const browser = createClient<paths>({ baseUrl: url, headers: { cookie, origin: url } });
const token = data(await browser.POST("/api/tokens", { body: { name: "typescript" } }));
const client = createClient<paths>({ baseUrl: url, headers: { authorization: `Bearer ${token.token}` } });
assert.equal(data(await client.GET("/api/session")).name, "ann");

async function follow(job: string): Promise<JobView> {
  for (;;) {
    const view = data(await client.GET("/api/jobs/{job}", { params: { path: { job } } }));
    if (!["waiting", "queued", "running"].includes(view.state)) {
      assert.equal(view.state, "succeeded", JSON.stringify(view));
      return view;
    }
  }
}

// A folder, and its backup.
const added = { name: "ts", kind: "folder", settings: { paths: [folder] } };
const source = data(await client.POST("/api/sources", { body: added }));
const asked = data(await client.POST("/api/backups", { body: { source: "ts", name: "first" } }));
await follow(asked.job);
const query = { source: "ts", reason: "manual" as const };
const [backup] = data(await client.GET("/api/backups", { params: { query } })).items;
assert(backup && backup.id === asked.backup && backup.reason === "manual" && backup.state === "ok");
assert(!Number.isNaN(Date.parse(backup.created)));

// What is lost is planned, and comes back.
const level = join(folder, "level.dat");
const before = readFileSync(level);
writeFileSync(level, "griefed");
const one = { params: { path: { backup: backup.id } } };
const plan = data(await client.POST("/api/backups/{backup}/restore", { ...one, body: {} }));
assert.equal(plan.counts.update, 1);
assert(plan.items.some((item) => item.action === "update"));
const body = { hash: plan.hash, confirm: plan.confirm ?? null };
const path = { plan: plan.id };
const run = data(await client.POST("/api/plans/{plan}/run", { params: { path }, body }));
await follow(run.job);
assert.deepEqual(readFileSync(level), before);

// Downloads: one file, and the whole.
const file = await client.GET("/api/backups/{backup}/file", {
  params: { path: { backup: backup.id }, query: { path: `${basename(folder)}/level.dat` } },
  parseAs: "arrayBuffer",
});
assert.deepEqual(Buffer.from(data(file)), before);
const link = data(await client.POST("/api/backups/{backup}/download", { ...one, body: { format: "tar.gz" } }));
const archive = Buffer.from(await (await fetch(link.url)).arrayBuffer());
assert.deepEqual([...archive.subarray(0, 2)], [0x1f, 0x8b]);

// What is wrong is told in types, too.
const missing = { params: { path: { backup: "no-such-backup" } } };
const problem = wrong(await client.GET("/api/backups/{backup}", missing), 404);
assert(problem.kind === "not-found" && problem.detail);
assert.equal(wrong(await stranger.GET("/api/sources"), 401).kind, "unauthenticated");
assert.equal(wrong(await client.POST("/api/sources", { body: added }), 409).kind, "conflict");

// The API of app backups.
const which = { query: { source: "ts" } };
const schedule = { preset: "hourly" as const, hour: "*/6", minute: "0" };
const settings = await client.PUT("/api/backups/settings/", { params: which, body: { schedule } });
assert.equal(data(settings).schedule.hour, "*/6");
assert.deepEqual(data(settings).extra_paths, [folder]);
let job: AppJob = data(await client.POST("/api/backups/jobs/", { body: { source: "ts" } }));
while (job.status === "pending" || job.status === "running") {
  job = data(await client.GET("/api/backups/jobs/{job}/", { params: { path: { job: job.id } } }));
}
assert(job.status === "succeeded" && job.can_download && job.can_delete && !job.can_cancel);
const its = { params: { path: { job: job.id } } };
const whole = await client.GET("/api/backups/jobs/{job}/download/", { ...its, parseAs: "arrayBuffer" });
assert.deepEqual([...new Uint8Array(data(whole)).subarray(0, 2)], [0x1f, 0x8b]);
const late = wrong(await client.POST("/api/backups/jobs/{job}/cancel/", its), 400);
assert.equal(late.detail, "This job cannot be canceled.");
const deleted = await client.DELETE("/api/backups/jobs/{job}/", its);
assert.equal(deleted.response.status, 204);

// And that of panels.
const server = { params: { path: { server: source.id } } };
const made = data(await client.POST("/api/client/servers/{server}/backups", server));
const list = data(await client.GET("/api/client/servers/{server}/backups", server));
assert(list.data.some((found) => found.attributes.uuid === made.attributes.uuid));
const nowhere = { params: { path: { server: "00000000" } } };
const [told] = wrong(await client.GET("/api/client/servers/{server}", nowhere), 404).errors;
assert.equal(told?.status, "404");

console.log("done");
