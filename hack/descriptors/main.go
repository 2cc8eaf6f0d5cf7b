// Command descriptors writes the protobuf descriptors of everything Lateen speaks as one FileDescriptorSet:
// Envoy's v3 API (with the xds, google, cel and opentelemetry messages it refers to) and the .proto files given.
//
// protoc-gen-go embeds each file's serialized descriptor in the Go code it generates. Reading those string constants
// takes two seconds, where compiling the 400 packages to ask for the same bytes takes a minute of both cores.
//
// usage: descriptors OUTPUT [PROTO_DIRECTORY]
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
)

var modules = []string{
	"github.com/envoyproxy/go-control-plane/envoy",
	"github.com/cncf/xds/go",
	"cel.dev/expr",
	"github.com/prometheus/client_model",
	"go.opentelemetry.io/proto/otlp",
	"google.golang.org/genproto/googleapis/api",
	"google.golang.org/genproto/googleapis/rpc",
	"google.golang.org/protobuf",
}

// Files that only define options. Options are dropped, so nothing refers to them.
var optionsOnly = []string{"google/protobuf/descriptor.proto", "google/api/annotations.proto", "udpa/", "validate/", "xds/annotations/", "envoy/annotations/"}

type fileSet map[string]*descriptorpb.FileDescriptorProto

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("usage: descriptors OUTPUT [PROTO_DIRECTORY]"))
	}
	known, wanted := readModules(), fileSet{}
	for name := range known {
		if strings.HasPrefix(name, "envoy/") && strings.Contains(name, "/v3/") {
			include(name, known, wanted)
		}
	}
	if len(os.Args) > 2 {
		for _, file := range compile(os.Args[2]) {
			known[file.GetName()] = file
			include(file.GetName(), known, wanted)
		}
	}
	if len(wanted) < 100 {
		fail(fmt.Errorf("only %d descriptors found: has the form of the generated Go code changed?", len(wanted)))
	}
	set := &descriptorpb.FileDescriptorSet{}
	for _, file := range wanted {
		trim(file)
		set.File = append(set.File, file)
	}
	sort.Slice(set.File, func(i, j int) bool { return set.File[i].GetName() < set.File[j].GetName() })
	encoded, err := proto.MarshalOptions{Deterministic: true}.Marshal(set)
	if err != nil {
		fail(err)
	}
	if err := os.WriteFile(os.Args[1], encoded, 0o644); err != nil {
		fail(err)
	}
}

// downloadModules returns the modules' directories. `go run` fetches only what this program itself imports, and
// `go list` then gives no directory for the others, so they are asked for by name.
func downloadModules() []string {
	command := exec.Command("go", append([]string{"mod", "download", "-json"}, modules...)...)
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		fail(fmt.Errorf("go mod download: %w\n%s", err, output))
	}
	var directories []string
	for decoder := json.NewDecoder(bytes.NewReader(output)); decoder.More(); {
		var module struct{ Path, Dir string }
		if err := decoder.Decode(&module); err != nil {
			fail(fmt.Errorf("go mod download: %w", err))
		}
		if module.Dir == "" {
			fail(fmt.Errorf("go mod download: no directory for %s", module.Path))
		}
		directories = append(directories, module.Dir)
	}
	return directories
}

// readModules returns every descriptor found in the modules, by file name.
func readModules() fileSet {
	files := fileSet{}
	for _, directory := range downloadModules() {
		err := filepath.WalkDir(directory, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".pb.go") {
				return err
			}
			for _, raw := range embeddedDescriptors(path) {
				file := &descriptorpb.FileDescriptorProto{}
				if err := proto.Unmarshal(raw, file); err != nil {
					return fmt.Errorf("%s: %w", path, err)
				}
				files[file.GetName()] = file
			}
			return nil
		})
		if err != nil {
			fail(err)
		}
	}
	return files
}

// include adds a file and all that it imports.
func include(name string, known, wanted fileSet) {
	if wanted[name] != nil || definesOptionsOnly(name) {
		return
	}
	file := known[name]
	if file == nil {
		fail(fmt.Errorf("no descriptor for %s", name))
	}
	wanted[name] = file
	for _, dependency := range file.Dependency {
		include(dependency, known, wanted)
	}
}

// embeddedDescriptors returns the values of the constants named file_…_rawDesc.
func embeddedDescriptors(source string) [][]byte {
	file, err := parser.ParseFile(token.NewFileSet(), source, nil, parser.SkipObjectResolution)
	if err != nil {
		fail(err)
	}
	var found [][]byte
	for _, declaration := range file.Decls {
		group, ok := declaration.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range group.Specs {
			value, ok := spec.(*ast.ValueSpec)
			if ok && len(value.Values) == 1 && strings.HasSuffix(value.Names[0].Name, "_rawDesc") {
				found = append(found, constantBytes(value.Values[0]))
			}
		}
	}
	return found
}

// constantBytes evaluates "a" + "b" and []byte{0x0a, …}, the two forms that protoc-gen-go has used.
func constantBytes(expression ast.Expr) []byte {
	switch e := expression.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		if err != nil {
			fail(err)
		}
		return []byte(text)
	case *ast.BinaryExpr:
		return append(constantBytes(e.X), constantBytes(e.Y)...)
	case *ast.CompositeLit:
		bytes := make([]byte, 0, len(e.Elts))
		for _, element := range e.Elts {
			value, err := strconv.ParseUint(element.(*ast.BasicLit).Value, 0, 8)
			if err != nil {
				fail(err)
			}
			bytes = append(bytes, byte(value))
		}
		return bytes
	}
	fail(fmt.Errorf("a descriptor in an unknown form: %T", expression))
	return nil
}

func compile(directory string) []*descriptorpb.FileDescriptorProto {
	paths, _ := filepath.Glob(filepath.Join(directory, "*.proto"))
	for i := range paths {
		paths[i] = filepath.Base(paths[i])
	}
	compiler := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{directory}}),
	}
	compiled, err := compiler.Compile(context.Background(), paths...)
	if err != nil {
		fail(err)
	}
	var files []*descriptorpb.FileDescriptorProto
	for _, file := range compiled {
		files = append(files, protodesc.ToFileDescriptorProto(file))
	}
	return files
}

func definesOptionsOnly(name string) bool {
	for _, prefix := range optionsOnly {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// trim drops what the codec and the type generator don't read: options (but for map_entry, packed and deprecated),
// imports, extensions and source positions.
func trim(file *descriptorpb.FileDescriptorProto) {
	file.Options, file.SourceCodeInfo, file.Extension = nil, nil, nil
	file.Dependency, file.PublicDependency, file.WeakDependency = nil, nil, nil
	for _, message := range file.MessageType {
		trimMessage(message)
	}
	for _, enum := range file.EnumType {
		trimEnum(enum)
	}
	for _, service := range file.Service {
		service.Options = nil
		for _, method := range service.Method {
			method.Options = nil
		}
	}
}

func trimMessage(message *descriptorpb.DescriptorProto) {
	mapEntry := message.GetOptions().GetMapEntry()
	message.Options, message.Extension, message.ReservedName, message.ReservedRange = nil, nil, nil, nil
	if mapEntry {
		message.Options = &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)}
	}
	for _, field := range message.Field {
		options := field.Options
		field.Options = nil
		if options != nil && (options.Deprecated != nil || options.Packed != nil) {
			field.Options = &descriptorpb.FieldOptions{Deprecated: options.Deprecated, Packed: options.Packed}
		}
	}
	for _, oneof := range message.OneofDecl {
		oneof.Options = nil
	}
	for _, nested := range message.NestedType {
		trimMessage(nested)
	}
	for _, enum := range message.EnumType {
		trimEnum(enum)
	}
}

func trimEnum(enum *descriptorpb.EnumDescriptorProto) {
	enum.Options, enum.ReservedName, enum.ReservedRange = nil, nil, nil
	for _, value := range enum.Value {
		value.Options = nil
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "descriptors:", err)
	os.Exit(1)
}
