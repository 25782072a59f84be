{{/* Ports at the end of host:port, several by commas, once each. */}}
{{- define "tlsrpt.brokerPorts" -}}
{{- $ports := list }}
{{- range splitList "," .Values.kafka.brokers }}
{{- $port := regexFind "[0-9]+$" (trim .) }}
{{- $ports = append $ports (default "9092" $port | int) }}
{{- end }}
{{- uniq $ports | toJson }}
{{- end }}

{{/* The port of a URL, or that of its scheme. */}}
{{- define "tlsrpt.urlPort" -}}
{{- $host := (urlParse .).host }}
{{- $port := regexFind ":[0-9]+$" $host | trimPrefix ":" }}
{{- default (ternary "443" "80" (hasPrefix "https:" .)) $port }}
{{- end }}

{{/* One rule of egress to TCP ports: to peers, or anywhere. Takes (dict "peers" … "ports" …). */}}
{{- define "tlsrpt.egress" -}}
- ports:
    {{- range .ports }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
  {{- with .peers }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* One rule of ingress to a named port: from peers, or from anywhere. Takes (dict "peers" … "port" …). */}}
{{- define "tlsrpt.ingress" -}}
- ports:
    - {protocol: TCP, port: {{ .port }}}
  {{- with .peers }}
  from:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* What a role may be reached by and may reach. Takes (dict "root" $ "role" …). */}}
{{- define "tlsrpt.networkPolicy" -}}
{{- $root := .root }}
{{- $role := .role }}
{{- $policy := $root.Values.networkPolicy }}
podSelector:
  matchLabels:
    {{- include "tlsrpt.selector" . | nindent 4 }}
policyTypes: [Ingress, Egress]
{{- if has $role (list "migrate" "test") }}
ingress: []
{{- else }}
ingress:
  {{- if eq $role "edge" }}
  {{- include "tlsrpt.ingress" (dict "port" "https" "peers" $policy.httpsFrom) | nindent 2 }}
  {{- include "tlsrpt.ingress" (dict "port" "smtp" "peers" $policy.smtpFrom) | nindent 2 }}
  {{- if $root.Values.edge.smtp.smtps }}
  {{- include "tlsrpt.ingress" (dict "port" "smtps" "peers" $policy.smtpFrom) | nindent 2 }}
  {{- end }}
  {{- end }}
  {{- if and (eq $role "query") $policy.apiFrom }}
  {{- include "tlsrpt.ingress" (dict "port" "api" "peers" $policy.apiFrom) | nindent 2 }}
  {{- end }}
  # The pod of `helm test`, and whoever reads metrics.
  - ports:
      - {protocol: TCP, port: ops}
    from:
      - podSelector:
          matchLabels:
            {{- include "tlsrpt.selector" (dict "root" $root "role" "test") | nindent 12 }}
      {{- with $policy.metricsFrom }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
{{- end }}
egress:
  - ports:
      - {protocol: UDP, port: 53}
      - {protocol: TCP, port: 53}
    {{- with $policy.dnsTo }}
    to:
      {{- toYaml . | nindent 6 }}
    {{- end }}
  {{- if eq $role "test" }}
  - ports:
      - {protocol: TCP, port: 9090}
    to:
      - podSelector:
          matchLabels:
            app.kubernetes.io/name: {{ include "tlsrpt.name" $root }}
            app.kubernetes.io/instance: {{ $root.Release.Name }}
  {{- else }}
  {{- if ne $role "migrate" }}
  {{- include "tlsrpt.egress" (dict "peers" $policy.kafkaTo "ports" (include "tlsrpt.brokerPorts" $root | fromJsonArray)) | nindent 2 }}
  {{- end }}
  {{- if has $role (list "writer" "query" "migrate") }}
  {{- include "tlsrpt.egress" (dict "peers" $policy.clickhouseTo "ports" (list (include "tlsrpt.urlPort" $root.Values.clickhouse.url))) | nindent 2 }}
  {{- end }}
  {{- if and (eq $role "query") $policy.queryOutboundPorts }}
  {{- include "tlsrpt.egress" (dict "ports" $policy.queryOutboundPorts) | nindent 2 }}
  {{- end }}
  {{- with $policy.extraEgress }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- end }}
{{- end }}
