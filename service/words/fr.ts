import type { PageWords, Troubles } from './en';

const troubles: Troubles = {
  notNow: 'Cette étape n’est pas possible pour le moment.',
  closed: 'Cette tentative de connexion est déjà terminée.',
  tokenExpired: 'Votre session a expiré.',
  unauthorized: 'Votre session n’est pas valide.',
  originNotAllowed: 'Votre session appartient à un autre site web.',
  notFound: 'Cette page n’existe pas.',
  rateLimited: 'Trop de tentatives. Attendez une minute, puis réessayez.',
  cyclrUnavailable: 'Le service de connexion est injoignable pour le moment. Réessayez plus tard.',
};

export const fr: PageWords = {
  tag: 'fr',
  goingOut: (name) => (name === undefined ? 'Ouverture de la page de connexion …' : `Redirection vers ${name} …`),
  slow: 'Cela prend plus de temps que d’habitude. Gardez cette fenêtre ouverte : elle continue d’elle-même.',
  forAccount: (account) => `Pour ${account}.`,
  goOn: 'Continuer',
  theConnector: 'L’application',
  unfinished: (name) => `${name} n’est pas encore connecté`,
  outcomes: {
    awaitingAuthorization: (name) => `${name} n’est pas connecté : réessayez`,
    verifyingAuthorization: (name) => `Vérification de ${name} …`,
    authenticated: (name) => `${name} est connecté`,
    expired: (name) => `${name} n’a pas été connecté à temps`,
    cancelled: (name) => `La connexion de ${name} a été annulée`,
    failed: (name) => `${name} n’a pas pu être connecté`,
    unsupported: (name) => `${name} ne peut pas être connecté ici`,
  },
  closeWindow: 'Vous pouvez fermer cette fenêtre.',
  close: 'Fermer cette fenêtre',
  retry: 'Réessayer',
  stay: 'Cela prend jusqu’à une demi-minute.',
  goBack: 'Revenez à la page où vous avez commencé.',
  back: 'Retour',
  nothing: 'Cette page n’a rien à afficher',
  whereFrom: 'Revenez à la page où vous avez commencé.',
  tryAgain: 'Fermez cette fenêtre, et réessayez sur la page où vous avez commencé.',
  hiddenOrigin:
    'Votre navigateur n’a pas indiqué de quel site web vous venez : la politique de référent de ce site l’interdit. Signalez-le à son exploitant.',
  trouble: (code) => troubles[code] ?? 'Cela ne fonctionne pas pour le moment. Réessayez plus tard.',
  connect: 'Connecter vos applications',
  loading: 'Chargement …',
  noScript: 'Cette page a besoin de JavaScript.',
  links: { support: 'Assistance', privacy: 'Confidentialité', terms: 'Conditions d’utilisation' },
};
