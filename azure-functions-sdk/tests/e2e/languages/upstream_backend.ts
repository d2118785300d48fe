// For the tests of durabletask-js that make an in-memory backend: they get a task hub of the host at HUB_ENDPOINT, with a client and a
// worker that speak gRPC. `jest` loads this in place of the package; the tests themselves stay as they are.

import * as grpc from "@grpc/grpc-js";
import { TaskHubGrpcClient, TaskHubGrpcWorker } from "upstream-source";

export * from "upstream-source";

let hubs = 0;

// A hub of its own for each test, as each has a backend of its own.
export class InMemoryOrchestrationBackend {
  readonly taskHub = `Test${process.pid}x${++hubs}`;

  options() {
    const metadataGenerator = async () => {
      const metadata = new grpc.Metadata();
      metadata.set("taskhub", this.taskHub);
      return metadata;
    };
    return { hostAddress: process.env.HUB_ENDPOINT, metadataGenerator };
  }

  reset() {}
}

export class TestOrchestrationClient extends TaskHubGrpcClient {
  constructor(backend: InMemoryOrchestrationBackend) {
    super(backend.options());
  }

  rewindOrchestration(instanceId: string, reason: string = "") {
    return this.rewindInstance(instanceId, reason);
  }
}

export class TestOrchestrationWorker extends TaskHubGrpcWorker {
  private started = false;

  constructor(backend: InMemoryOrchestrationBackend) {
    super(backend.options());
  }

  async start() {
    this.started = true;
    await super.start();
  }

  // The one for tests may be stopped twice.
  async stop() {
    if (this.started) {
      this.started = false;
      await super.stop();
    }
  }
}
