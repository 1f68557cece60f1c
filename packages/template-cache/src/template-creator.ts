/** Makes the template at the provider and gives its SID. `friendlyName` leads to it again: use it as the template's name. */
export type TemplateCreator = (template: {
  readonly hash: string;
  readonly friendlyName: string;
}) => Promise<string> | string;
/** Looks for a template of that name at the provider, e.g. one whose creation was never answered. */
export type TemplateFinder = (friendlyName: string) => Promise<string | undefined> | string | undefined;
