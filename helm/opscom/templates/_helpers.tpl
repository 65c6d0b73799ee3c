{{- define "opscom.name" -}}
{{- if contains "opscom" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-opscom" .Release.Name | trunc 40 | trimSuffix "-" }}{{ end -}}
{{- end }}

{{- define "opscom.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "opscom.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "opscom.name" .) }}{{ else }}{{ .Values.serviceAccount.name | default "default" }}{{ end -}}
{{- end }}

{{- /* Labels that select the pods of one part: (dict "root" $ "part" "gateway") */}}
{{- define "opscom.selector" -}}
app.kubernetes.io/name: opscom
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "opscom.labels" -}}
{{ include "opscom.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- /* What every pod shares: account, user, scheduling, and a place to write (of `temporary`, if that is given). */}}
{{- define "opscom.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: tmp
    emptyDir:
      sizeLimit: {{ .temporary | default "64Mi" }}
{{- end }}

{{- /* What tells a Prometheus that looks for it where each long-running pod has its metrics; podAnnotations go before it. */}}
{{- define "opscom.annotations" -}}
{{- $scrape := dict "prometheus.io/scrape" "true" "prometheus.io/port" "9000" "prometheus.io/path" "/metrics" -}}
{{ toYaml (merge (deepCopy .Values.podAnnotations) $scrape) }}
{{- end }}

{{- /* The internal port of a worker or dispatcher, and what is asked there. A new start helps nothing against a database that
is away: readiness tells of that, and is asked more rarely than the gateway's, since nobody is sent there. */}}
{{- define "opscom.health" -}}
ports:
  - name: internal
    containerPort: 9000
startupProbe:
  httpGet: { path: /healthz/live, port: internal }
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  httpGet: { path: /healthz/live, port: internal }
  periodSeconds: 10
  timeoutSeconds: 3
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /healthz/ready, port: internal }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
{{- end }}

{{- /* What every container shares: image, locks on the process, settings, secrets. */}}
{{- define "opscom.container" -}}
image: {{ include "opscom.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
env:
  - name: OPSCOM_HOST
    value: 0.0.0.0
  - name: OPSCOM_PORT
    value: "8000"
  - name: OPSCOM_INTERNAL_HOST
    value: 0.0.0.0
  - name: OPSCOM_INTERNAL_PORT
    value: "9000"
  - name: OPSCOM_JOBS_PORT
    value: "9000"
  {{- range $name, $value := .Values.settings }}
  - name: {{ $name }}
    value: {{ $value | quote }}
  {{- end }}
volumeMounts:
  - name: tmp
    mountPath: /tmp
{{- end }}
