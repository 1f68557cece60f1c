{{/*
root, component, values; replicas false: somebody else scales it. preStopSeconds: how long it goes on serving while the world learns that
it leaves.
*/}}
{{- define "mersal.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "mersal.name" .root }}-{{ .component }}
  labels: {{ include "mersal.labels" . | nindent 4 }}
spec:
  {{- if .replicas }}
  replicas: {{ .values.replicas }}
  {{- end }}
  minReadySeconds: 5
  revisionHistoryLimit: 5
  strategy:
    type: RollingUpdate
    rollingUpdate: {{ toJson .rolling }}
  selector:
    matchLabels: {{ include "mersal.selector" . | nindent 6 }}
  template:
    metadata:
      labels: {{ include "mersal.labels" . | nindent 8 }}
    spec:
      serviceAccountName: {{ include "mersal.name" .root }}-{{ .component }}
      {{- include "mersal.podSecurity" .root | nindent 6 }}
      {{- include "mersal.spread" . | nindent 6 }}
      # preStop, the drain, and five seconds for the kernel and us.
      terminationGracePeriodSeconds: {{ add .preStopSeconds (include "mersal.drainSeconds" . | int) 5 }}
      containers:
        - name: {{ .component }}
          image: {{ include "mersal.image" (dict "root" .root "image" .component) }}
          {{- include "mersal.containerSecurity" .root | nindent 10 }}
          resources: {{ toJson .values.resources }}
          ports:
            {{- if eq .component "ingress" }}
            - { name: http, containerPort: 3000 }
            {{- end }}
            - { name: probes, containerPort: 9464 }
          {{- include "mersal.probes" . | nindent 10 }}
          {{- if .preStopSeconds }}
          lifecycle: { preStop: { sleep: { seconds: {{ .preStopSeconds }} } } }
          {{- end }}
          env:
            - { name: INSTANCE, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
            - { name: PROBE_PORT, value: "9464" }
            {{- if eq .component "ingress" }}
            - { name: PORT, value: "3000" }
            {{- end }}
            {{- include "mersal.environment" . | trim | nindent 12 }}
{{- end }}
