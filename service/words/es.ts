import type { PageWords, Troubles } from './en';

const troubles: Troubles = {
  notNow: 'Este paso no es posible en este momento.',
  closed: 'Este intento de conexión ya ha terminado.',
  tokenExpired: 'Su sesión ha caducado.',
  unauthorized: 'Su sesión no es válida.',
  originNotAllowed: 'Su sesión pertenece a otro sitio web.',
  notFound: 'Esta página no existe.',
  rateLimited: 'Demasiados intentos. Espere un minuto e inténtelo otra vez.',
  cyclrUnavailable: 'No se puede contactar con el servicio de conexión en este momento. Inténtelo más tarde.',
};

export const es: PageWords = {
  tag: 'es',
  goingOut: (name) => (name === undefined ? 'Abriendo la página de inicio de sesión …' : `Llevándole a ${name} …`),
  slow: 'Esto tarda más de lo habitual. Deje abierta esta ventana: continúa por sí sola.',
  forAccount: (account) => `Para ${account}.`,
  goOn: 'Continuar',
  theConnector: 'La aplicación',
  unfinished: (name) => `${name} aún no está conectado`,
  outcomes: {
    awaitingAuthorization: (name) => `${name} no está conectado: inténtelo otra vez`,
    verifyingAuthorization: (name) => `Comprobando ${name} …`,
    authenticated: (name) => `${name} está conectado`,
    expired: (name) => `${name} no se conectó a tiempo`,
    cancelled: (name) => `La conexión de ${name} se ha cancelado`,
    failed: (name) => `No se pudo conectar ${name}`,
    unsupported: (name) => `${name} no se puede conectar aquí`,
  },
  closeWindow: 'Puede cerrar esta ventana.',
  close: 'Cerrar esta ventana',
  retry: 'Intentar otra vez',
  stay: 'Tarda hasta medio minuto.',
  goBack: 'Vuelva a la página donde empezó.',
  back: 'Volver',
  nothing: 'Esta página no tiene nada que mostrar',
  whereFrom: 'Vuelva a la página donde empezó.',
  tryAgain: 'Cierre esta ventana e inténtelo otra vez en la página donde empezó.',
  hiddenOrigin:
    'Su navegador no ha indicado de qué sitio web viene: la política de referencia de ese sitio lo impide. Avise a su operador.',
  trouble: (code) => troubles[code] ?? 'Esto no funciona en este momento. Inténtelo más tarde.',
  connect: 'Conectar sus aplicaciones',
  loading: 'Cargando …',
  noScript: 'Esta página necesita JavaScript.',
  links: { support: 'Asistencia', privacy: 'Privacidad', terms: 'Condiciones de uso' },
};
