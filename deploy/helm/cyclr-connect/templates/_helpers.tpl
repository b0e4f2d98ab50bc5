{{- define "cyclr-connect.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "cyclr-connect.fullname" -}}
{{- $name := include "cyclr-connect.name" . }}
{{- $both := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- default $both .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* The labels of a selector. Arguments: list ROOT COMPONENT. */}}
{{- define "cyclr-connect.selector" -}}
app.kubernetes.io/name: {{ include "cyclr-connect.name" (index . 0) }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "cyclr-connect.labels" -}}
{{- $root := index . 0 -}}
{{ include "cyclr-connect.selector" . }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ $root.Chart.Name }}-{{ $root.Chart.Version }}
{{- end }}

{{/* Name, namespace and labels. Arguments: list ROOT COMPONENT. */}}
{{- define "cyclr-connect.metadata" -}}
{{- $root := index . 0 -}}
name: {{ include "cyclr-connect.fullname" $root }}-{{ index . 1 }}
namespace: {{ $root.Release.Namespace }}
labels: {{- include "cyclr-connect.labels" . | nindent 2 }}
{{- end }}

{{/* The fields that each pod has. */}}
{{- define "cyclr-connect.pod" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
serviceAccountName: {{ .Values.serviceAccountName }}
automountServiceAccountToken: false
# Otherwise Kubernetes would set variables such as TEMPORAL_PORT for a Service with the name `temporal`.
enableServiceLinks: false
securityContext: {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- end }}

{{- define "cyclr-connect.container" -}}
image: {{ printf "%s:%s" .Values.image.repository .Values.image.tag | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext: {{- toYaml .Values.securityContext | nindent 2 }}
{{- end }}

{{/* The nodes for a pod. Arguments: list ROOT COMPONENT PROCESS. PROCESS is .Values.worker or .Values.service. */}}
{{- define "cyclr-connect.placement" -}}
{{- $process := index . 2 -}}
{{- with $process.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $process.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $process.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $process.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
{{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "cyclr-connect.selector" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}

{{/*
The variables of .Values.temporal, .Values.worker or .Values.service. A variable that takes the path of a file has the
name in `secretKeys`. For any other name in `secretKeys`, the variable NAME_FILE has the path. Arguments: list NAME PART.
*/}}
{{- define "cyclr-connect.env" -}}
{{- $part := index . 1 -}}
{{- range $name, $value := $part.config }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- range $name, $key := $part.secretKeys }}
{{- if $key }}
{{- $takesPath := or (hasSuffix "_PATH" $name) (eq $name "WEBHOOKS") }}
- name: {{ ternary $name (printf "%s_FILE" $name) $takesPath }}
  value: /etc/cyclr-connect/{{ index $ 0 }}/{{ $key }}
{{- end }}
{{- end }}
{{- end }}

{{/* The volume with the files of `secretKeys`, if there are any. Arguments: list NAME PART. */}}
{{- define "cyclr-connect.secretVolume" -}}
{{- $part := index . 1 -}}
{{- $keys := compact (uniq (values $part.secretKeys | sortAlpha)) -}}
{{- if and $keys (not $part.existingSecret) }}
{{- fail (printf "%s.existingSecret is not set, but %s.secretKeys has keys: name the Secret" (index . 0) (index . 0)) }}
{{- end }}
{{- if $keys -}}
- name: {{ index . 0 }}-secrets
  secret:
    secretName: {{ $part.existingSecret }}
    defaultMode: 288 # 0440: the group of the files is fsGroup
    items:
    {{- range $keys }}
      - { key: {{ . | quote }}, path: {{ . | quote }} }
    {{- end }}
{{- end }}
{{- end }}

{{/*
The folder is not below /run/secrets, because some clusters mount tokens there, and a read-only mount would prevent this.
*/}}
{{- define "cyclr-connect.secretMount" -}}
{{- if compact (values (index . 1).secretKeys) -}}
- { name: {{ index . 0 }}-secrets, mountPath: /etc/cyclr-connect/{{ index . 0 }}, readOnly: true }
{{- end }}
{{- end }}

{{/* A probe. Arguments: list PATH PORT PERIOD FAILURES. */}}
{{- define "cyclr-connect.probe" -}}
httpGet: { path: {{ index . 0 }}, port: {{ index . 1 }} }
periodSeconds: {{ index . 2 }}
failureThreshold: {{ index . 3 }}
timeoutSeconds: 5
{{- end }}

{{/* The variables, the files and the volumes of the worker and of the pod of `helm test`. */}}
{{- define "cyclr-connect.workerEnv" -}}
{{- include "cyclr-connect.env" (list "temporal" .Values.temporal) }}
{{- include "cyclr-connect.env" (list "worker" .Values.worker) }}
{{- if .Values.worker.policies.existingConfigMap }}
- name: CONNECTOR_POLICIES
  value: /etc/cyclr-connect/policies/{{ .Values.worker.policies.key }}
{{- end }}
{{- with .Values.worker.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "cyclr-connect.workerMounts" -}}
{{- include "cyclr-connect.secretMount" (list "temporal" .Values.temporal) }}
{{ include "cyclr-connect.secretMount" (list "worker" .Values.worker) }}
{{- if .Values.worker.policies.existingConfigMap }}
- { name: policies, mountPath: /etc/cyclr-connect/policies, readOnly: true }
{{- end }}
{{- with .Values.worker.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "cyclr-connect.workerVolumes" -}}
{{- include "cyclr-connect.secretVolume" (list "temporal" .Values.temporal) }}
{{ include "cyclr-connect.secretVolume" (list "worker" .Values.worker) }}
{{- with .Values.worker.policies.existingConfigMap }}
- name: policies
  configMap: { name: {{ . }} }
{{- end }}
{{- with .Values.worker.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
