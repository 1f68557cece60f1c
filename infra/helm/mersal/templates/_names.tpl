{{/* <release>, or <release>-mersal where the release has another name. */}}
{{- define "mersal.name" -}}
{{- if contains "mersal" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-mersal{{ end }}
{{- end }}

{{- define "mersal.selector" -}}
app.kubernetes.io/name: mersal
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "mersal.labels" -}}
{{ include "mersal.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "mersal.image" -}}
{{ .root.Values.image.repository }}/{{ .image }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{/* What is there before the services are: in the order of weight, and gone afterwards but for the jobs and their logs. */}}
{{- define "mersal.hook" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-weight: {{ .weight | quote }}
helm.sh/hook-delete-policy: {{ .delete }}
{{- end }}
