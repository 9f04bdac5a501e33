// Package ent is the database. It is generated, except this file, look.go, record.go, entc.go and schema/.
package ent

//go:generate go run entc.go
