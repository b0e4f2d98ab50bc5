/** What is sent and answered, as the service's own schemas have it: types alone, so that a backend loads none of them. */
import type { z } from 'zod';
import type * as answers from './answers';
import type * as requests from './requests';

export type { ConnectorKey } from '../../workflows/connector';

export type SessionRequest = z.input<typeof requests.SessionBody>;
export type StartRequest = z.input<typeof requests.StartBody>;
export type ReauthenticateRequest = z.input<typeof requests.ReauthenticateBody>;
export type PropertiesRequest = z.input<typeof requests.PropertiesBody>;
export type CredentialsRequest = z.input<typeof requests.CredentialsBody>;
export type AuthorizationRequest = z.input<typeof requests.AuthorizationBody>;
export type ConfirmRequest = z.input<typeof requests.ConfirmBody>;
export type CancelRequest = z.input<typeof requests.CancelBody>;
export type ListRequest = z.output<typeof requests.ListQuery>;

/** A session or an invitation: send the user to its `url`, and nobody else. */
export type Session = z.infer<typeof answers.Minted>;
export type Started = z.infer<typeof answers.Started>;
export type View = z.infer<typeof answers.View>;
export type Timeline = z.infer<typeof answers.Timeline>;
export type ConnectorPage = z.infer<typeof answers.ConnectorList>;
export type ListedConnector = ConnectorPage['items'][number];
/** A link to the third party's consent. Whoever has it can act as its user: show it to nobody else. */
export type Link = z.infer<typeof answers.Link>;
