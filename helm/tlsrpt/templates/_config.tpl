{{/*
A map as TOML. Helm's own toToml writes every number as a float, which a setting that is a whole number refuses. What JSON writes for a text,
a list, a number or a truth TOML reads alike. Takes (dict "map" … "path" "a.b").
*/}}
{{- define "tlsrpt.toml" -}}
{{- $path := .path }}
{{- range $key, $value := .map }}
{{- if not (or (kindIs "map" $value) (kindIs "invalid" $value)) }}
{{ $key | toJson }} = {{ $value | toJson }}
{{- end }}
{{- end }}
{{- range $key, $value := .map }}
{{- if kindIs "map" $value }}
{{- $here := $key | toJson }}
{{- if $path }}
{{- $here = printf "%s.%s" $path $here }}
{{- end }}
[{{ $here }}]
{{- include "tlsrpt.toml" (dict "map" $value "path" $here) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Fails for a setting that the chart makes itself, and for one that is a secret, each with where it belongs. */}}
{{- define "tlsrpt.checkConfig" -}}
{{- $config := .Values.config }}
{{- $own := dict "listen" "listenAddress" "mail_hosts" "mailHosts" "tls" "tls" "data_dir" "edge.spool" }}
{{- range $key, $instead := $own }}
{{- if hasKey $config $key }}
{{- fail (printf "config.%s is set by the chart: use the value %s" $key $instead) }}
{{- end }}
{{- end }}
{{- $paths := list
  (list "kafka" "brokers" "kafka.brokers")
  (list "store" "clickhouse_url" "clickhouse.url")
  (list "store" "clickhouse_user" "clickhouse.writer.user, clickhouse.query.user and clickhouse.migrate.user") }}
{{- range $paths }}
{{- if hasKey (default dict (get $config (index . 0))) (index . 1) }}
{{- fail (printf "config.%s.%s is set by the chart: use the value %s" (index . 0) (index . 1) (index . 2)) }}
{{- end }}
{{- end }}
{{- if hasKey (default dict (dig "edge" "spool" dict $config)) "limit_bytes" }}
{{- fail "config.edge.spool.limit_bytes is set by the chart: use the value edge.spool.limit" }}
{{- end }}
{{- if hasKey (default dict (dig "edge" "smtp" dict $config)) "proxy_networks" }}
{{- fail "config.edge.smtp.proxy_networks is set by the chart: use the value edge.smtp.proxyNetworks" }}
{{- end }}
{{- include "tlsrpt.refuseSecrets" (dict "map" $config "path" "config") }}
{{- end }}

{{/* Names by which a setting is known for a secret; a place of one (ssl.key.location) is none. Takes (dict "map" … "path" …). */}}
{{- define "tlsrpt.refuseSecrets" -}}
{{- $path := .path }}
{{- range $key, $value := .map }}
{{- $here := printf "%s.%s" $path $key }}
{{- if kindIs "map" $value }}
{{- if eq $key "headers" }}
{{- fail (printf "%s may hold a secret, and config goes into a ConfigMap: put it under secretConfig" $here) }}
{{- end }}
{{- include "tlsrpt.refuseSecrets" (dict "map" $value "path" $here) }}
{{- else if and (kindIs "string" $value) (not (hasSuffix "location" $here)) }}
{{- if or (regexMatch "password|passphrase|secret|jaas|admin_key|oauthbearer\\.config" $here) (regexMatch "^config\\.kafka\\.properties.*key" $here) (eq $key "headers") }}
{{- fail (printf "%s is a secret, and config goes into a ConfigMap: put it under secretConfig, or into a Secret of your own (existingSecretConfig)" $here) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The configuration file of every role. */}}
{{- define "tlsrpt.configFile" -}}
{{- include "tlsrpt.checkConfig" . }}
{{- $config := deepCopy .Values.config }}
{{- $address := .Values.listenAddress }}
{{- $listen := dict "https" (printf "%s:8443" $address) "smtp" (printf "%s:2525" $address) "query" (printf "%s:8080" $address) "ops" (printf "%s:9090" $address) }}
{{- if .Values.edge.smtp.smtps }}
{{- $_ := set $listen "smtps" (printf "%s:4465" $address) }}
{{- end }}
{{- $tls := dict "mode" .Values.tls.mode }}
{{- if include "tlsrpt.tlsSecret" . }}
{{- if eq .Values.tls.mode "self-signed" }}
{{- fail "tls.mode is self-signed, and a certificate is given: set tls.mode to files, or to off when an Ingress or a Gateway ends TLS" }}
{{- end }}
{{- $_ := set $tls "cert" "/etc/tlsrpt/tls/tls.crt" }}
{{- $_ := set $tls "key" "/etc/tlsrpt/tls/tls.key" }}
{{- else if eq .Values.tls.mode "files" }}
{{- fail "tls.mode is files: give the certificate by tls.existingSecret or tls.certManager" }}
{{- end }}
{{- $own := dict
  "data_dir" "/var/lib/tlsrpt"
  "mail_hosts" .Values.mailHosts
  "listen" $listen
  "tls" $tls
  "kafka" (dict "brokers" (required "kafka.brokers must be given: host:port of your brokers" .Values.kafka.brokers))
  "store" (dict "clickhouse_url" (required "clickhouse.url must be given: the HTTP interface of your ClickHouse server" .Values.clickhouse.url)) }}
{{- if .Values.edge.smtp.proxyNetworks }}
{{- $_ := set $own "edge" (dict "smtp" (dict "proxy_networks" .Values.edge.smtp.proxyNetworks)) }}
{{- end }}
{{- include "tlsrpt.toml" (dict "map" (mergeOverwrite (dict "logs" (dict "format" "json")) $config $own) "path" "") | trim }}
{{- end }}

{{/* The file of settings that are secret; empty when there are none. */}}
{{- define "tlsrpt.secretFile" -}}
{{- if .Values.secretConfig }}
{{- include "tlsrpt.toml" (dict "map" .Values.secretConfig "path" "") | trim }}
{{- end }}
{{- end }}

{{/* A variable with a secret: from one made elsewhere, from the chart's, or none. Takes (dict "root" $ "name" … "secret" … "key" …). */}}
{{- define "tlsrpt.secretVariable" -}}
{{- if or .secret.existingSecret .secret.value }}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ default (printf "%s%s" (include "tlsrpt.fullname" .root) (default "" .suffix)) .secret.existingSecret }}
      key: {{ ternary .secret.key .own (not (empty .secret.existingSecret)) }}
{{- end }}
{{- end }}

{{/* The variables of a role. Takes (dict "root" $ "role" …). */}}
{{- define "tlsrpt.variables" -}}
{{- $values := .root.Values }}
{{- $suffix := ternary "-migrate" "" (eq .role "migrate") }}
{{- if ne .role "migrate" }}
{{- include "tlsrpt.secretVariable" (dict "root" .root "name" "TLSRPT_KAFKA__PROPERTIES__SASL__PASSWORD" "secret" $values.kafka.password "own" "kafka-password") }}
{{- end }}
{{- if hasKey $values.clickhouse .role }}
{{- $user := get $values.clickhouse .role }}
- name: TLSRPT_CLICKHOUSE_USER
  value: {{ $user.user | quote }}
{{- include "tlsrpt.secretVariable" (dict "root" .root "name" "TLSRPT_CLICKHOUSE_PASSWORD" "secret" $user.password "own" (printf "clickhouse-%s-password" .role) "suffix" $suffix) }}
{{- end }}
{{- if eq .role "query" }}
{{- include "tlsrpt.secretVariable" (dict "root" .root "name" "TLSRPT_ADMIN_KEY" "secret" $values.adminKey "own" "admin-key") }}
{{- end }}
{{- if eq .role "edge" }}
- name: TLSRPT_SPOOL_LIMIT
  value: {{ ternary $values.edge.spool.limit "0" $values.edge.spool.enabled | quote }}
{{- end }}
{{- end }}

{{/* What the chart's Secret holds, as a map; empty when every secret is made elsewhere. Takes (dict "root" $). */}}
{{- define "tlsrpt.ownSecrets" -}}
{{- $values := .root.Values }}
{{- if not (or $values.adminKey.value $values.adminKey.existingSecret) }}
{{- fail "adminKey.existingSecret or adminKey.value must be given: every query pod needs the same operator's key (openssl rand -hex 32)" }}
{{- end }}
{{- $secrets := dict }}
{{- range list
  (list "admin-key" $values.adminKey)
  (list "kafka-password" $values.kafka.password)
  (list "clickhouse-writer-password" $values.clickhouse.writer.password)
  (list "clickhouse-query-password" $values.clickhouse.query.password) }}
{{- $secret := index . 1 }}
{{- if and $secret.value (not $secret.existingSecret) }}
{{- $_ := set $secrets (index . 0) $secret.value }}
{{- end }}
{{- end }}
{{- with include "tlsrpt.secretFile" .root }}
{{- $_ := set $secrets "tlsrpt.toml" . }}
{{- end }}
{{- if $secrets }}
{{- toYaml $secrets }}
{{- end }}
{{- end }}

{{/* The same for the Job of the migration. Takes (dict "root" $). */}}
{{- define "tlsrpt.migrateSecrets" -}}
{{- $password := .root.Values.clickhouse.migrate.password }}
{{- $secrets := dict }}
{{- if and $password.value (not $password.existingSecret) }}
{{- $_ := set $secrets "clickhouse-migrate-password" $password.value }}
{{- end }}
{{- with include "tlsrpt.secretFile" .root }}
{{- $_ := set $secrets "tlsrpt.toml" . }}
{{- end }}
{{- if $secrets }}
{{- toYaml $secrets }}
{{- end }}
{{- end }}
