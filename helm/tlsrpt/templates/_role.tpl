{{/* What every role has besides its pods: a disruption budget, and a Service by which its metrics are found. Takes (dict "root" $ "role" …). */}}
{{- define "tlsrpt.beside" -}}
{{- $own := get .root.Values .role }}
{{- $name := printf "%s-%s" (include "tlsrpt.fullname" .root) .role }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ $name }}
  labels:
    {{- include "tlsrpt.labels" . | nindent 4 }}
    tlsrpt/ports: operations
spec:
  clusterIP: None
  # Whoever is not ready is what metrics are needed of.
  publishNotReadyAddresses: true
  selector:
    {{- include "tlsrpt.selector" . | nindent 4 }}
  ports:
    - {name: ops, port: 9090, targetPort: ops}
{{- if $own.podDisruptionBudget.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $name }}
  labels:
    {{- include "tlsrpt.labels" . | nindent 4 }}
spec:
  maxUnavailable: {{ $own.podDisruptionBudget.maxUnavailable }}
  # A pod that is not ready holds up nobody who empties a node.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "tlsrpt.selector" . | nindent 6 }}
{{- end }}
{{- if .root.Values.networkPolicy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ $name }}
  labels:
    {{- include "tlsrpt.labels" . | nindent 4 }}
spec:
  {{- include "tlsrpt.networkPolicy" . | nindent 2 }}
{{- end }}
{{- end }}

{{/* A Deployment of a role. Takes (dict "root" $ "role" … "replicas" …), without replicas when something else counts them. */}}
{{- define "tlsrpt.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "tlsrpt.fullname" .root }}-{{ .role }}
  labels:
    {{- include "tlsrpt.labels" . | nindent 4 }}
spec:
  {{- if .counted }}
  replicas: {{ (get .root.Values .role).replicas }}
  {{- end }}
  strategy:
    rollingUpdate: {maxUnavailable: 0, maxSurge: 1}
  selector:
    matchLabels:
      {{- include "tlsrpt.selector" . | nindent 6 }}
  template:
    {{- include "tlsrpt.pod" . | nindent 4 }}
{{- end }}

{{/* A HorizontalPodAutoscaler on CPU. Takes (dict "root" $ "role" … "kind" …). */}}
{{- define "tlsrpt.autoscaler" -}}
{{- $own := get .root.Values .role }}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ include "tlsrpt.fullname" .root }}-{{ .role }}
  labels:
    {{- include "tlsrpt.labels" . | nindent 4 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: {{ .kind }}, name: {{ include "tlsrpt.fullname" .root }}-{{ .role }}}
  minReplicas: {{ $own.autoscaling.minReplicas }}
  maxReplicas: {{ $own.autoscaling.maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target: {type: Utilization, averageUtilization: {{ $own.autoscaling.targetCPUUtilizationPercentage }}}
{{- end }}

{{/* A ScaledObject of KEDA's. Takes (dict "root" $ "role" … "lags" (list (list topic group) …)). */}}
{{- define "tlsrpt.scaledObject" -}}
{{- $root := .root }}
{{- $keda := (get .root.Values .role).keda }}
{{- $prefix := dig "kafka" "prefix" "" .root.Values.config }}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ include "tlsrpt.fullname" .root }}-{{ .role }}
  labels:
    {{- include "tlsrpt.labels" . | nindent 4 }}
spec:
  scaleTargetRef:
    name: {{ include "tlsrpt.fullname" .root }}-{{ .role }}
  minReplicaCount: {{ $keda.minReplicas }}
  maxReplicaCount: {{ $keda.maxReplicas }}
  pollingInterval: {{ $keda.pollingInterval }}
  cooldownPeriod: {{ $keda.cooldownPeriod }}
  triggers:
    {{- range .lags }}
    - type: kafka
      metadata:
        bootstrapServers: {{ $root.Values.kafka.brokers | quote }}
        topic: {{ printf "%s%s" $prefix (index . 0) }}
        consumerGroup: {{ printf "%s%s" $prefix (index . 1) }}
        lagThreshold: {{ $keda.lagThreshold | quote }}
        # A group that has committed nothing yet begins at the first record.
        offsetResetPolicy: earliest
        {{- range $name, $value := $keda.metadata }}
        {{ $name }}: {{ $value | quote }}
        {{- end }}
      {{- with $keda.authenticationRef }}
      authenticationRef:
        name: {{ . }}
      {{- end }}
    {{- end }}
{{- end }}
