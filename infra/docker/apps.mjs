/** Folders of apps that have an image. */
export const APPS = ['ingress', 'sender', 'cache-metrics', 'cli', 'twilio-simulator'];
