{{/* Every variable stands in the pod, so that a change of settings is a new pod. Secrets are referred to. */}}
{{- define "mersal.environment" -}}
{{- range $name, $value := merge (dict) .values.settings .root.Values.settings }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- $secret := .values.existingSecret | default .root.Values.existingSecret }}
{{- $keys := get (.root.Files.Get "files/secrets.yaml" | fromYaml) .component }}
{{- range $keys.needed }}
- name: {{ . }}
  valueFrom: { secretKeyRef: { name: {{ $secret }}, key: {{ . }} } }
{{- end }}
{{- range $keys.optional }}
- name: {{ . }}
  valueFrom: { secretKeyRef: { name: {{ $secret }}, key: {{ . }}, optional: true } }
{{- end }}
{{- end }}

{{/* Seconds from the end of preStop until a service has ended by itself: the longest request at Twilio, and
15 for what comes after it; 25 for one that sends no requests. */}}
{{- define "mersal.drainSeconds" -}}
{{- $settings := merge (dict) .values.settings .root.Values.settings }}
{{- max 25 (add (div (add (int (get $settings "TWILIO_TIMEOUT_MS")) 999) 1000) 15) }}
{{- end }}
