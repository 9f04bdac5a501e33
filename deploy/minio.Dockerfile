# syntax=docker/dockerfile:1
# MinIO and its client, built from the sources that tools/minio pins: there are no current images of them.
FROM golang:1.26 AS build
WORKDIR /src
COPY tools/minio/go.mod tools/minio/go.sum ./
RUN go mod download
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/ github.com/minio/minio github.com/minio/mc

FROM alpine:3.22
COPY --from=build /out/minio /out/mc /usr/local/bin/
COPY deploy/bucket.sh /usr/local/bin/bucket.sh
RUN adduser -D -u 1000 minio && mkdir /data && chown minio /data
USER minio
VOLUME /data
EXPOSE 9000
CMD ["minio", "server", "/data"]
