/** Worker deployments. Temporal gives tasks only to the workers of the current version of a deployment. */
import { isGrpcServiceError, type Connection } from '@temporalio/client';
import { tsToMs } from '@temporalio/common/lib/time';

const GRPC_NOT_FOUND = 5;

type Services = Pick<Connection, 'workflowService'>;

/**
 * The build ids of the current and the latest version of a deployment. Undefined if Temporal does not know the
 * deployment. Temporal knows a deployment after the first poll of one of its workers.
 */
export async function describeDeployment({ workflowService }: Services, namespace: string, deploymentName: string) {
  try {
    const { workerDeploymentInfo } = await workflowService.describeWorkerDeployment({ namespace, deploymentName });
    const [latest] = [...(workerDeploymentInfo?.versionSummaries ?? [])].sort(
      (one, other) => tsToMs(other.createTime) - tsToMs(one.createTime),
    );
    return {
      current: workerDeploymentInfo?.routingConfig?.currentDeploymentVersion?.buildId || undefined,
      latest: latest?.deploymentVersion?.buildId || undefined,
    };
  } catch (err) {
    if (isGrpcServiceError(err) && err.code === GRPC_NOT_FOUND) return undefined;
    throw err;
  }
}

interface Place {
  namespace: string;
  address: string;
}

/** The command that makes a version the current version of its deployment. */
export const setCurrentCommand = (place: Place, deployment: string, buildId = 'BUILD_ID'): string =>
  setCommand(place, deployment, `--build-id ${quoted(buildId)}`);

/** The command that makes Temporal give the tasks of the deployment to workers without worker versioning. */
export const setUnversionedCommand = (place: Place, deployment: string): string =>
  setCommand(place, deployment, '--unversioned');

const setCommand = ({ namespace, address }: Place, deployment: string, target: string): string =>
  `temporal worker deployment set-current-version --deployment-name ${quoted(deployment)} ${target} ` +
  `--namespace ${quoted(namespace)} --address ${address}`;

/** Quotes a word of a command for a shell, if necessary. */
export const quoted = (word: string): string =>
  /^\w[\w.@-]*$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
