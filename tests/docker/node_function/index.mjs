// A function that does what its event says, as an ES module. It runs inside the tests' containers.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
let replays = 0;

export const handler = async (event, context) => {
  replays += 1;
  console.log("replay", replays, event.do);
  return await actions[event.do](event, context);
};

const later = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

const actions = {
  count: () => replays,
  fail: () => {
    throw new TypeError("no such sku");
  },
  fail_with_text: () => Promise.reject("only a text"),
  sleep: ({ seconds }) => later(seconds),
  exit: ({ status }) => process.exit(status),
  reject_unseen: async () => {
    Promise.reject(new RangeError("nobody waits for this"));
    await later(30);
  },
  throw_from_a_timer: async () => {
    setTimeout(() => {
      throw new RangeError("thrown from a timer");
    }, 1);
    await later(30);
  },
  fill_memory: () => {
    const held = [];
    for (;;) held.push(Buffer.alloc(4 * 1024 * 1024, 1));
  },
  fill_heap: () => {
    const held = [];
    for (;;) held.push(new Array(100_000).fill(held.length));
  },
  answer_bytes: ({ bytes }) => "x".repeat(bytes),
  circular: () => {
    const value = {};
    value.itself = value;
    return value;
  },
  environment: () => process.env,
  context: (_, context) => ({
    arn: context.invokedFunctionArn,
    name: context.functionName,
    version: context.functionVersion,
    memory_mb: context.memoryLimitInMB,
    request_id: context.awsRequestId,
    remaining_ms: context.getRemainingTimeInMillis(),
    client: context.clientContext,
    identity: context.identity,
    waits: context.callbackWaitsForEmptyEventLoop,
    node: process.version,
    uid: process.getuid(),
  }),
  required: ({ names }) => names.map((name) => require(name)),
  imported: async ({ name }) => (await import(name)).default,
  read: ({ path }) => readFileSync(path, "utf8"),
};
