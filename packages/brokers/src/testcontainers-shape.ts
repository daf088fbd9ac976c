/**
 * What we use of testcontainers 12, so that it need not be installed to compile or run (installing it builds native parts). Checked against the
 * real types of 12.2.0.
 */
export interface TestcontainersModule {
  readonly GenericContainer: new (image: string) => ContainerBuilder
  getContainerRuntimeClient(): Promise<{ readonly container: { getById(id: string): ContainerHandle } }>
}

/** The fluent builder. */
export interface ContainerBuilder {
  withEnvironment(environment: Record<string, string>): this
  withCommand(command: string[]): this
  withExposedPorts(...ports: { container: number; host: number }[]): this
  withCopyContentToContainer(contents: { content: string; target: string }[]): this
  withStartupTimeout(ms: number): this
  start(): Promise<StartedContainer>
}

/** A container that runs. */
export interface StartedContainer {
  getId(): string
  getHost(): string
  stop(): Promise<unknown>
}

/** The same container through dockerode. */
export interface ContainerHandle {
  kill(): Promise<unknown>
  start(): Promise<unknown>
  stop(): Promise<unknown>
  pause(): Promise<unknown>
  unpause(): Promise<unknown>
}
