{{/* `pod` of all with that of the role over it, as JSON. Takes (dict "root" $ "role" …). */}}
{{- define "tlsrpt.podValues" -}}
{{- mergeOverwrite (deepCopy .root.Values.pod) (deepCopy (get .root.Values .role).pod) | toJson }}
{{- end }}

{{- define "tlsrpt.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: {{ .runAsUser }}
runAsGroup: {{ .runAsUser }}
fsGroup: {{ .runAsUser }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "tlsrpt.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Where the files are that every role reads. */}}
{{- define "tlsrpt.configArgs" -}}
- --config=/etc/tlsrpt/config/tlsrpt.toml
{{- if include "tlsrpt.secretFile" . }}
- --config=/etc/tlsrpt/secret/tlsrpt.toml
{{- end }}
{{- if .Values.existingSecretConfig.name }}
- --config=/etc/tlsrpt/existing-secret/tlsrpt.toml
{{- end }}
{{- end }}

{{- define "tlsrpt.configMounts" -}}
- name: config
  mountPath: /etc/tlsrpt/config
  readOnly: true
{{- if include "tlsrpt.secretFile" . }}
- name: secret
  mountPath: /etc/tlsrpt/secret
  readOnly: true
{{- end }}
{{- if .Values.existingSecretConfig.name }}
- name: existing-secret
  mountPath: /etc/tlsrpt/existing-secret
  readOnly: true
{{- end }}
{{- end }}

{{/* Takes (dict "root" $ "suffix" …). */}}
{{- define "tlsrpt.configVolumes" -}}
- name: config
  configMap:
    name: {{ include "tlsrpt.fullname" .root }}{{ .suffix }}
{{- if include "tlsrpt.secretFile" .root }}
- name: secret
  secret:
    secretName: {{ include "tlsrpt.fullname" .root }}{{ .suffix }}
    items: [{key: tlsrpt.toml, path: tlsrpt.toml}]
{{- end }}
{{- if .root.Values.existingSecretConfig.name }}
- name: existing-secret
  secret:
    secretName: {{ .root.Values.existingSecretConfig.name }}
    items: [{key: {{ .root.Values.existingSecretConfig.key }}, path: tlsrpt.toml}]
{{- end }}
{{- end }}

{{/* Which nodes, and how a pod begins and ends. Takes (dict "root" $ "role" … "pod" …). */}}
{{- define "tlsrpt.scheduling" -}}
{{- $pod := .pod }}
automountServiceAccountToken: false
{{- /* Services named after this release would come as TLSRPT_… variables, which the program refuses as misspelt settings. */}}
enableServiceLinks: false
securityContext:
  {{- include "tlsrpt.podSecurityContext" $pod | nindent 2 }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pod.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $pod.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with $pod.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pod.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pod.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pod.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
dnsPolicy: {{ $pod.dnsPolicy }}
{{- with $pod.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The template of a role's pods. Takes (dict "root" $ "role" …). */}}
{{- define "tlsrpt.pod" -}}
{{- $root := .root }}
{{- $role := .role }}
{{- $values := $root.Values }}
{{- $own := get $values $role }}
{{- $pod := include "tlsrpt.podValues" . | fromJson }}
{{- $isEdge := eq $role "edge" }}
{{- $keepsData := or $isEdge (eq $role "query") }}
{{- $tlsSecret := and $isEdge (include "tlsrpt.tlsSecret" $root) }}
metadata:
  labels:
    {{- include "tlsrpt.labels" . | nindent 4 }}
    {{- with $pod.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # A change of the configuration makes new pods. Certificates are read again by themselves.
    checksum/config: {{ include "tlsrpt.configFile" $root | sha256sum }}
    checksum/secret: {{ include "tlsrpt.ownSecrets" (dict "root" $root) | sha256sum }}
    {{- with $pod.annotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "tlsrpt.serviceAccountName" $root }}
  {{- include "tlsrpt.scheduling" (dict "root" $root "role" $role "pod" $pod) | nindent 2 }}
  terminationGracePeriodSeconds: {{ add $pod.preStopSeconds $pod.terminationGracePeriodSeconds }}
  topologySpreadConstraints:
    {{- if $pod.topologySpreadConstraints }}
    {{- toYaml $pod.topologySpreadConstraints | nindent 4 }}
    {{- else }}
    {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - topologyKey: {{ . }}
      maxSkew: 1
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "tlsrpt.selector" (dict "root" $root "role" $role) | nindent 10 }}
    {{- end }}
    {{- end }}
  containers:
    - name: {{ $role }}
      image: {{ include "tlsrpt.image" $root | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      securityContext:
        {{- include "tlsrpt.securityContext" $pod | nindent 8 }}
      args:
        - {{ $role }}
        {{- include "tlsrpt.configArgs" $root | nindent 8 }}
        {{- with $pod.extraArgs }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- $variables := include "tlsrpt.variables" . | trim }}
      {{- if or $variables $pod.extraEnv }}
      env:
        {{- with $variables }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- with $pod.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
      {{- with $pod.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - {name: ops, containerPort: 9090}
        {{- if $isEdge }}
        - {name: https, containerPort: 8443}
        - {name: smtp, containerPort: 2525}
        {{- if $values.edge.smtp.smtps }}
        - {name: smtps, containerPort: 4465}
        {{- end }}
        {{- end }}
        {{- if eq $role "query" }}
        - {name: api, containerPort: 8080}
        {{- end }}
      # The program listens before it waits for what is away, so a start takes no time that it would have to be given.
      livenessProbe:
        httpGet: {path: /healthz, port: ops}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /readyz, port: ops}
        periodSeconds: 5
        timeoutSeconds: 3
        failureThreshold: 2
      lifecycle:
        preStop:
          sleep: {seconds: {{ $pod.preStopSeconds }}}
      resources:
        {{- toYaml $own.resources | nindent 8 }}
      volumeMounts:
        {{- include "tlsrpt.configMounts" $root | nindent 8 }}
        {{- if $keepsData }}
        - name: data
          mountPath: /var/lib/tlsrpt
        {{- end }}
        {{- if $tlsSecret }}
        - name: tls
          mountPath: /etc/tlsrpt/tls
          readOnly: true
        {{- end }}
        {{- with $pod.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    {{- include "tlsrpt.configVolumes" (dict "root" $root "suffix" "") | nindent 4 }}
    {{- if and $keepsData (not (and $isEdge $values.edge.spool.enabled)) }}
    # Nothing that has to last: a self-signed certificate at most.
    - name: data
      emptyDir: {sizeLimit: 64Mi}
    {{- end }}
    {{- if $tlsSecret }}
    - name: tls
      secret:
        secretName: {{ include "tlsrpt.tlsSecret" $root }}
    {{- end }}
    {{- with $pod.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
