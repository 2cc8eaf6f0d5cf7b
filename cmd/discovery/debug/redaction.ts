import { decode, encode, typeUrl } from '#wire/index.ts';
import type { ServedResource } from '#xds/index.ts';

type Any = { readonly typeUrl: string; readonly value: Uint8Array };

const SECRET = typeUrl('envoy.extensions.transport_sockets.tls.v3.Secret');

/**
 * A resource as it may be shown. Of a secret only what every peer gets to see anyway is kept, its certificates; whatever
 * else is in it, known to us or not, is left out.
 */
export function redactResource({ typeUrl: type, bytes }: ServedResource): Any {
  if (type !== SECRET) return { typeUrl: type, value: bytes };
  const { name, tlsCertificate, validationContext } = decode('envoy.extensions.transport_sockets.tls.v3.Secret', bytes);
  const shown = {
    ...(name === undefined ? {} : { name }),
    ...(tlsCertificate === undefined
      ? {}
      : {
          tlsCertificate: {
            ...(tlsCertificate.certificateChain === undefined
              ? {}
              : { certificateChain: tlsCertificate.certificateChain }),
            privateKey: { inlineString: '[redacted]' },
          },
        }),
    ...(validationContext?.trustedCa === undefined
      ? {}
      : { validationContext: { trustedCa: validationContext.trustedCa } }),
  };
  return { typeUrl: type, value: encode('envoy.extensions.transport_sockets.tls.v3.Secret', shown) };
}
