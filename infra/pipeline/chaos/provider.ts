import type { PipelineTenant, SimulatorClient } from '@mersal/testkit';

const latency = { distribution: 'lognormal', medianMs: 80, sigma: 0.6 };

/** The simulated provider with the latency that all runs have. */
export class Provider {
  readonly #simulator: SimulatorClient;

  constructor(simulator: SimulatorClient) {
    this.#simulator = simulator;
  }

  async misbehave(seed: number, rules: readonly object[]): Promise<void> {
    await this.#simulator.faults({ seed, latency, rules });
  }

  async behave(): Promise<void> {
    await this.#simulator.faults({ latency });
  }

  /** Gives an account this token: the restaurant's own, or another, with which its own is refused. */
  async setToken(tenant: PipelineTenant, authToken: string): Promise<void> {
    const answer = await fetch(`${this.#simulator.url}/_simulator/accounts`, {
      method: 'POST',
      body: JSON.stringify({
        accountSid: tenant.accountSid,
        authToken,
        numbers: [tenant.fromNumber.replace('whatsapp:', '')],
      }),
    });
    if (!answer.ok) throw new Error(`the simulator refused the account: ${await answer.text()}`);
  }
}
