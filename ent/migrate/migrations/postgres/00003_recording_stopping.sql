-- +goose Up
ALTER TABLE "recordings" ADD COLUMN "stopping_at" timestamptz NULL;
