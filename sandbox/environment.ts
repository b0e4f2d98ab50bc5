import { z } from 'zod';

const notAPort = { message: 'is no port number' };
const port = z
  .string()
  .regex(/^\d{1,5}$/, notAPort)
  .transform(Number)
  .refine((number) => number < 65_536, notAPort);

/** The environment variables of the sandbox. */
export const environment = z.object({
  SANDBOX_PORT: port.prefault('7080').meta({
    description: 'Port of the sandbox. 0 is any free port.',
    example: '7081',
  }),
  SANDBOX_HOST: z.string().prefault('127.0.0.1').meta({
    description:
      'Address on which the sandbox listens. `::` means all addresses, IPv6 and IPv4. The control calls of the sandbox under `/_sandbox` need no key.',
    example: '::',
  }),
  SANDBOX_DATA: z.string().optional().meta({
    description:
      'File that keeps the state of the sandbox. Without this variable, the sandbox loses its state when the process ends.',
    example: '.data/sandbox.json',
  }),
});

/** Reads the environment variables. An empty variable counts as not set. Fails with one line for each fault. */
export function readEnvironment(env: NodeJS.ProcessEnv): z.output<typeof environment> {
  const { data, error } = environment.safeParse(Object.fromEntries(Object.entries(env).filter(([, value]) => value)));
  if (data) return data;
  throw new Error(error.issues.map(({ path, message }) => `${path.join('.')} ${message}`).join('\n'));
}
