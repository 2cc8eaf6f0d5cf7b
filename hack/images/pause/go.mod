module lateen.dev/hack/images/pause

go 1.21
