#!/bin/sh
# Makes the bucket at MinIO and its two users: Foyer reads and deletes, the egress service writes. It may run again, and
# then takes over changed secrets.
#
#   S3_ENDPOINT, MINIO_ROOT_USER, MINIO_ROOT_PASSWORD
#   S3_BUCKET
#   S3_ACCESS_KEY, S3_SECRET_KEY          Foyer
#   EGRESS_ACCESS_KEY, EGRESS_SECRET_KEY  the egress service
#   STORAGE_WEBHOOK                       MinIO's name of Foyer's webhook, if MinIO is to report new files
set -eu

MC_CONFIG_DIR=$(mktemp -d)
export MC_CONFIG_DIR
trap 'rm -rf "$MC_CONFIG_DIR"' EXIT

mc alias set --quiet store "$S3_ENDPOINT" "$MINIO_ROOT_USER" "$MINIO_ROOT_PASSWORD" >/dev/null
mc mb --quiet --ignore-existing "store/$S3_BUCKET"
mc anonymous set --quiet none "store/$S3_BUCKET" >/dev/null

may() { # may USER SECRET STATEMENTS: makes a user that may do that and nothing else
  printf '{"Version": "2012-10-17", "Statement": [%s]}' "$3" >"$MC_CONFIG_DIR/policy.json"
  mc admin policy create --quiet store "$1" "$MC_CONFIG_DIR/policy.json" >/dev/null
  printf '%s\n%s\n' "$1" "$2" | mc admin user add --quiet store >/dev/null
  mc admin user info --json store "$1" | grep -q "\"policyName\": *\"$1\"" ||
    mc admin policy attach --quiet store "$1" --user "$1" >/dev/null
}

bucket="\"Resource\": \"arn:aws:s3:::$S3_BUCKET\""
objects="\"Resource\": \"arn:aws:s3:::$S3_BUCKET/recordings/*\""

# The right to list the bucket distinguishes a missing object from a forbidden one.
may "$S3_ACCESS_KEY" "$S3_SECRET_KEY" "
  {\"Effect\": \"Allow\", \"Action\": [\"s3:ListBucket\"], $bucket},
  {\"Effect\": \"Allow\", \"Action\": [\"s3:GetObject\", \"s3:DeleteObject\"], $objects}"
may "$EGRESS_ACCESS_KEY" "$EGRESS_SECRET_KEY" "
  {\"Effect\": \"Allow\", \"Action\": [\"s3:PutObject\", \"s3:AbortMultipartUpload\"], $objects}"

if [ -n "${STORAGE_WEBHOOK:-}" ]; then
  mc event add --quiet --ignore-existing --event put --prefix recordings/ \
    "store/$S3_BUCKET" "$STORAGE_WEBHOOK" >/dev/null
fi
