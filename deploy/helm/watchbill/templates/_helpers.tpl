{{- define "watchbill.labels" -}}
app.kubernetes.io/name: watchbill
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "watchbill.check" -}}
{{- if not (has .Values.mode (list "serve" "cron")) }}{{ fail "mode is serve or cron" }}{{ end }}
{{- if not .Values.team }}{{ fail "give the team file: --set-file team=watchbill.yaml" }}{{ end }}
{{- if and (gt (int .Values.replicas) 1) (not .Values.database.secret) }}
{{- fail "several replicas need database.secret: SQLite is for instances on one machine" }}
{{- end }}
{{- if and (gt (int .Values.replicas) 1) .Values.storage.enabled (ne .Values.storage.accessMode "ReadWriteMany") }}
{{- fail "several replicas need storage that is ReadWriteMany, or none: storage.enabled=false" }}
{{- end }}
{{- if and (not .Values.storage.enabled) (not .Values.database.secret) }}
{{- fail "without storage the state needs database.secret, or it is lost with the pod" }}
{{- end }}
{{- end }}

{{- define "watchbill.pod" -}}
serviceAccountName: {{ .Release.Name }}
terminationGracePeriodSeconds: 120
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
containers:
  - name: watchbill
    image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    {{- if eq .Values.mode "serve" }}
    args: {{ concat (list "serve" "--listen" "0.0.0.0:8470") .Values.arguments | toJson }}
    ports:
      - name: http
        containerPort: 8470
    livenessProbe:
      httpGet:
        path: /healthz
        port: http
      periodSeconds: 10
      failureThreshold: 6
    readinessProbe:
      httpGet:
        path: /readyz
        port: http
      periodSeconds: 10
    {{- else }}
    args: {{ concat (list "run" "--once" "--json") .Values.arguments | toJson }}
    {{- end }}
    {{- if .Values.database.secret }}
    env:
      - name: WATCHBILL_DATABASE_FILE
        value: /etc/watchbill-database/url
    {{- end }}
    {{- if .Values.environment.secret }}
    envFrom:
      - secretRef:
          name: {{ .Values.environment.secret }}
    {{- end }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities:
        drop: [ALL]
    resources: {{ .Values.resources | toJson }}
    volumeMounts:
      - name: team
        mountPath: /etc/watchbill
        readOnly: true
      - name: state
        mountPath: /var/lib/watchbill
      - name: tmp
        mountPath: /tmp
      {{- if .Values.database.secret }}
      - name: database
        mountPath: /etc/watchbill-database
        readOnly: true
      {{- end }}
volumes:
  - name: team
    configMap:
      name: {{ .Release.Name }}
  - name: tmp
    emptyDir: {}
  - name: state
    {{- if .Values.storage.enabled }}
    persistentVolumeClaim:
      claimName: {{ .Release.Name }}
    {{- else }}
    emptyDir: {}
    {{- end }}
  {{- if .Values.database.secret }}
  - name: database
    secret:
      secretName: {{ .Values.database.secret }}
      defaultMode: 0440
  {{- end }}
{{- end }}
