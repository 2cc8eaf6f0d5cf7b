/** What a mesh's settings ask of every listener; resolved elsewhere, spelled here. */
export interface ListenerSettings {
  /** Absent: no access log. */
  readonly accessLog?: AccessLogSettings;
  /** Whether Istio's standard metrics are kept. */
  readonly metrics: boolean;
}

export interface AccessLogSettings {
  /** A file inside the proxy, e.g. `/dev/stdout`. */
  readonly path: string;
  /** A line of command operators, or fields with command operators; absent: Istio's default of that encoding. */
  readonly format:
    | { readonly encoding: 'TEXT'; readonly line?: string }
    | { readonly encoding: 'JSON'; readonly fields?: Readonly<Record<string, unknown>> };
}

/** Who reports: the side that sends a request, or the side that serves it. */
export type Reporter = 'source' | 'destination';
