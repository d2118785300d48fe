// npm's Durable Task worker and client against a hub: `node js_stories.js HOST:PORT`. Ends with a line for each story that is told.

const assert = require("node:assert");
const durable = require("@microsoft/durabletask-js");

const hostAddress = process.argv[2];
const logger = new durable.NoOpLogger();
const DEADLINE = 60;

const hello = (_, name) => `Hello ${name}!`;

let attempts = 0;
const flaky = () => {
  attempts += 1;
  if (attempts < 3) throw new Error("not ready");
  return "ready";
};

async function* sequence(context) {
  const greetings = [];
  for (const city of ["Tokyo", "London", "Zürich ✓"]) greetings.push(yield context.callActivity(hello, city));
  return greetings;
}

async function* approval(context) {
  return yield context.waitForExternalEvent("approval");
}

async function* retries(context) {
  const retry = new durable.RetryPolicy({ maxNumberOfAttempts: 3, firstRetryIntervalInMilliseconds: 20 });
  return yield context.callActivity(flaky, undefined, { retry });
}

const COUNTER = new durable.EntityInstanceId("counter", "k");

async function* counts(context) {
  context.entities.signalEntity(COUNTER, "add", 2);
  return yield context.entities.callEntity(COUNTER, "add", 3);
}

class Counter extends durable.TaskEntity {
  add(amount) {
    this.state += amount;
    return this.state;
  }
  initializeState() {
    return 0;
  }
}

const client = new durable.TaskHubGrpcClient({ hostAddress, logger });
const end = (id) => client.waitForOrchestrationCompletion(id, true, DEADLINE);
const output = async (orchestrator) => {
  const state = await end(await client.scheduleNewOrchestration(orchestrator));
  assert.strictEqual(state.runtimeStatus, durable.OrchestrationStatus.COMPLETED, JSON.stringify(state));
  return JSON.parse(state.serializedOutput);
};

const stories = {
  async sequence() {
    assert.deepStrictEqual(await output(sequence), ["Hello Tokyo!", "Hello London!", "Hello Zürich ✓!"]);
  },
  async event() {
    const id = await client.scheduleNewOrchestration(approval);
    await client.raiseOrchestrationEvent(id, "approval", { by: "me" });
    assert.deepStrictEqual(JSON.parse((await end(id)).serializedOutput), { by: "me" });
  },
  async entity() {
    assert.strictEqual(await output(counts), 5);
    assert.strictEqual((await client.getEntity(COUNTER, true)).state, 5);
  },
  async retry() {
    assert.strictEqual(await output(retries), "ready");
    assert.strictEqual(attempts, 3);
  },
};

(async () => {
  const worker = new durable.TaskHubGrpcWorker({ hostAddress, logger });
  for (const orchestrator of [sequence, approval, retries, counts]) worker.addOrchestrator(orchestrator);
  for (const activity of [hello, flaky]) worker.addActivity(activity);
  worker.addNamedEntity("counter", () => new Counter());
  await worker.start();
  let failed = false;
  for (const [name, story] of Object.entries(stories)) {
    try {
      await story();
      console.log(`ok ${name}`);
    } catch (error) {
      failed = true;
      console.log(`FAILED ${name}: ${error.stack}`);
    }
  }
  await worker.stop();
  await client.stop();
  console.log(failed ? "failed" : "all done");
  process.exit(failed ? 1 : 0);
})();
